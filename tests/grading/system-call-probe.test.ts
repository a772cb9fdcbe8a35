// The programs of one system call, on both architectures: they say what the kernel says.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ProbedCall, probe, probeProgram } from '../../workshop/grading/system-call-probe.ts';

const here = process.arch as 'x64' | 'arm64';
const architectures = [
  { architecture: here, emulator: [] as string[] },
  ...(here === 'arm64' ? [] : [{ architecture: 'arm64' as const, emulator: ['qemu-aarch64-static'] }]),
];
const EBADF = 9;
const EFAULT = 14;
const EINVAL = 22;
const cases: [ProbedCall, number[], number][] = [
  ['unshare', [0], 0],
  ['unshare', [1], EINVAL],
  ['setns', [-1], EBADF],
  ['mount', [], EFAULT],
  ['socket', [0x7fff_ffff, 3, 0], 97],
];

describe.for(architectures)('on $architecture', ({ architecture, emulator }) => {
  test.for(cases)('%s(%j) ends with %i', async ([call, args, status]) => {
    await using scratch = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), 'boxwright-test-'));
    const file = path.join(scratch.path, 'probe');
    fs.writeFileSync(file, probeProgram(call, args, architecture), { mode: 0o755 });
    const [command, ...rest] = [...emulator, file];
    expect(spawnSync(command!, rest)).toMatchObject({ status, signal: null });
  });
});

test('a shell script writes the program and prints its answer', async () => {
  await using scratch = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), 'boxwright-test-'));
  const script = probe('setns', [-1]).replaceAll('/tmp/', `${scratch.path}/`);
  expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' })).toMatchObject({ stdout: '9\n', stderr: '' });
});
