// The numbers of the bindings against those of the C headers, on this machine's architecture and on arm64.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import * as linux from '../../linux/index.ts';
import { strerrorname } from '../../linux/libc.ts';
import { arm64Sysroot } from './arm64-node.ts';

/** What C calls those that are not named as in C, or are sizes. */
const inC: Readonly<Record<string, string>> = {
  LAST_DESCRIPTOR: '~0U',
  STDIN: 'STDIN_FILENO',
  SIGACTION_SIZE: 'sizeof(struct sigaction)',
  SIGSET_SIZE: 'sizeof(sigset_t)',
  TERMIOS_SIZE: 'sizeof(struct termios)',
  WINSIZE_SIZE: 'sizeof(struct winsize)',
  POLLFD_SIZE: 'sizeof(struct pollfd)',
  MSGHDR_SIZE: 'sizeof(struct msghdr)',
  CMSGHDR_SIZE: 'sizeof(struct cmsghdr)',
  SIG_DFL: '(uintptr_t) SIG_DFL',
  SIG_IGN: '(uintptr_t) SIG_IGN',
  DATA_SIZE: '2 * sizeof(struct __user_cap_data_struct)',
  SCMP_ACT_ALLOW: 'SECCOMP_RET_ALLOW',
  SCMP_ACT_LOG: 'SECCOMP_RET_LOG',
  SCMP_ACT_KILL_PROCESS: 'SECCOMP_RET_KILL_PROCESS',
};

/** Those of libseccomp's header, which is not installed; fences.test.ts tries what they do. */
const withoutHeader = [
  'COMPARISON_SIZE',
  'SCMP_CMP_NE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_MASKED_EQ',
  'SCMP_FLTATR_CTL_NNP',
  'SCMP_FLTATR_API_SYSRAWRC',
  '__NR_SCMP_ERROR',
];

/** What the C prototypes of the bindings take for granted. */
const assumed: Readonly<Record<string, number>> = {
  'offsetof(struct sigaction, sa_handler)': 0,
  'sizeof(uintptr_t)': 8,
  'sizeof(size_t)': 8,
  'sizeof(long)': 8,
  'sizeof(pid_t)': 4,
  'sizeof(uid_t)': 4,
  'sizeof(gid_t)': 4,
  'sizeof(mode_t)': 4,
  'sizeof(dev_t)': 8,
  'makedev(1, 3)': linux.makedev(1, 3),
  'makedev(7, 300)': linux.makedev(7, 300),
  'makedev(4095, 1048575)': linux.makedev(4095, 1_048_575),
  'WEXITSTATUS(512)': 2,
  'WIFEXITED(512)': 1,
  'WIFSIGNALED(9)': 1,
  'WIFSIGNALED(0x137f)': 0,
  'WIFSIGNALED(0xffff)': 0,
  CSIGNAL: 0xff,
  SYS_pidfd_send_signal: 424,
  SYS_pidfd_open: 434,
  'CMSG_LEN(sizeof(int))': 20,
  'CMSG_SPACE(sizeof(int))': 24,
};

const folder = path.join(import.meta.dirname, '../../linux');
const sources = fs
  .readdirSync(folder)
  .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
  .join('\n');

/** Every number that the bindings give a name in capitals, exported or not. */
const declared = Object.fromEntries(
  [...sources.matchAll(/^(?: {2})?(?:export )?const ([A-Z][A-Z0-9_]+|__WALL) = ([0-9a-fox_]+)n?;$/gim)].flatMap(
    ([, name, value]) => (/[a-z]/.test(name!) ? [] : [[name!, Number(value!.replaceAll('_', ''))] as const]),
  ),
);

/** SYS_clone, by architecture, as fork.ts has it. */
const systemCalls = Object.fromEntries(
  [.../const SYS_clone.* = \{ (.*) \}/.exec(sources)![1]!.matchAll(/(\w+): (\d+)/g)].map(([, architecture, number]) => [
    architecture!,
    Number(number),
  ]),
);

/** The value of each C expression, as `compiler` sees it; `emulator` runs what it makes. */
async function valuesInC(
  compiler: string,
  emulator: readonly string[],
  expressions: readonly string[],
): Promise<Record<string, number>> {
  if (spawnSync(compiler, ['--version']).error !== undefined) {
    throw new Error(`${compiler} is not installed. Install what the tests need: sudo sh tests/install-packages.sh`);
  }
  const headers =
    'errno fcntl limits linux/capability linux/close_range linux/seccomp sched signal stddef stdint stdio poll sys/file sys/ioctl sys/mman sys/mount sys/prctl sys/stat ' +
    'sys/socket sys/syscall sys/sysmacros sys/wait sys/xattr termios unistd';
  const program = [
    '#define _GNU_SOURCE',
    ...headers.split(' ').map((name) => `#include <${name}.h>`),
    'int main(void) {',
    ...expressions.map((expression) => `  printf("%llu\\n", (unsigned long long) (${expression}));`),
    '}',
  ].join('\n');
  await using scratch = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), 'boxwright-test-'));
  const binary = path.join(scratch.path, 'constants');
  await execa(compiler, ['-x', 'c', '-', '-o', binary], { input: program });
  const { stdout } = await execa(emulator[0] ?? binary, [
    ...emulator.slice(1),
    ...(emulator.length > 0 ? [binary] : []),
  ]);
  const values = stdout.split('\n').map(Number);
  return Object.fromEntries(expressions.map((expression, index) => [expression, values[index]!]));
}

/** The numbers of the bindings, by C expression. */
function expected(architecture: string): Record<string, number> {
  const named = Object.entries(declared)
    .filter(([name]) => !withoutHeader.includes(name))
    .map(([name, value]) => [inC[name] ?? name, value] as const);
  return { ...Object.fromEntries(named), ...assumed, SYS_clone: systemCalls[architecture]! };
}

async function compare(architecture: string, compiler: string, emulator: readonly string[]): Promise<void> {
  const ours = expected(architecture);
  expect(await valuesInC(compiler, emulator, Object.keys(ours))).toEqual(ours);
}

describe('constants', () => {
  test('each exported number is among those that are compared', () => {
    const exported = Object.entries(linux).filter(([, value]) => typeof value === 'number');
    expect(exported.length).toBeGreaterThan(40);
    expect(declared).toMatchObject(Object.fromEntries(exported));
    // Some that are not exported.
    expect(declared).toMatchObject({
      MADV_DOFORK: 11,
      SIGACTION_SIZE: 152,
      TERMIOS_SIZE: 60,
      SIGSET_SIZE: 128,
      FD_CLOEXEC: 1,
    });
  });

  test('the C headers of this machine have the same', async () => {
    await compare(process.arch, 'gcc', []);
  });

  test.skipIf(process.arch === 'arm64')('the C headers of arm64 have the same', async () => {
    await compare('arm64', 'aarch64-linux-gnu-gcc', ['qemu-aarch64-static', '-L', arm64Sysroot]);
  });

  test('error numbers have the names of errno.h', async () => {
    const header = await execa('gcc', ['-E', '-dM', '-x', 'c', '-'], { input: '#include <errno.h>\n' });
    const names = [...header.stdout.matchAll(/^#define (E[A-Z0-9]+) (\d+)$/gm)].map(
      ([, name, number]) => [name!, Number(number)] as const,
    );
    expect(names.length).toBeGreaterThan(120);
    expect(names.filter(([name, number]) => strerrorname(number) !== name)).toEqual([]);
  });
});
