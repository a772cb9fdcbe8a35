import { expect, test } from 'vitest';
import { node, printed, runProgram, valuesOf } from './run-program.ts';

test('a LinuxError has the call, its arguments and the error, and its message reads like strace', async () => {
  const [error, stack] = await valuesOf('error', ['shape']);
  expect(error).toEqual({
    name: 'LinuxError',
    message:
      'mount("proc", "/no/such/place", "proc", MS_NOSUID|MS_NODEV, "") failed: ENOENT: No such file or directory',
    syscall: 'mount',
    errno: 2,
    code: 'ENOENT',
    args: ['proc', '/no/such/place', 'proc', 6, ''],
    isError: true,
  });
  expect(stack).toEqual([
    expect.stringMatching(/^LinuxError: mount\(/),
    expect.stringMatching(/^ +at mountNowhere \(.*\/programs\/error\.ts:\d+:\d+\)$/),
  ]);
});

test('uncaught, it shows the line of the program that made the call', async () => {
  const run = await runProgram('error', ['uncaught']);
  expect(run.exitCode).toBe(1);
  expect(run.stderr).toMatch(/programs\/error\.ts:\d+\n +linux\.mount\('proc', .*\n +\^/);
});

test('errno is the one of the call, whatever else is called before and after, also while tracing', async () => {
  const codes = [['EINVAL', 'ENOTDIR', 'EBADF']];
  expect(printed(await runProgram('error', ['kept']))).toEqual(codes);
  const traced = await runProgram('error', ['kept'], { env: { BOXWRIGHT_TRACE: 'trace' } });
  expect(printed(traced)).toEqual(codes);
});

test('without root every privileged call says that it needs root and how to get it', async () => {
  const values = (await valuesOf('error', ['without-root'])) as Record<string, string>[];
  expect(values).toHaveLength(13);
  for (const { name, syscall, code, message } of values) {
    expect({ name, syscall, code, message }).toEqual({
      name,
      syscall: name,
      code: 'EPERM',
      message: expect.stringMatching(
        /^\w+\(.*\) failed: EPERM: Operation not permitted\. This call takes a right of root, and this process is not root: either it never was \(sudo, or the virtual machine: vagrant up\), or an earlier call gave it up\.$/,
      ),
    });
  }
});

test('EPERM in spite of being root says who may have taken the privilege away', async () => {
  const command = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', node];
  expect(await valuesOf('error', ['root-without-privileges'], { command })).toEqual([
    'mount("proc", "/proc", "proc", 0, "") failed: EPERM: Operation not permitted. ' +
      'You are root, so either this place withholds a privilege (a plain container does) or an earlier call gave it up.',
  ]);
});
