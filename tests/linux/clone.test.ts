import { describe, expect, test } from 'vitest';
import { printed, runProgram, valuesOf } from './run-program.ts';

describe('clone', () => {
  test('runs the function as PID 1 of a new PID namespace, and process.pid knows it', async () => {
    const values = await valuesOf('clone', ['pid']);
    // Parent and child print at the same time.
    expect(values).toContainEqual({ getpid: 1, cached: 1, ppid: 0 });
    expect(values).toContainEqual({ pid: expect.toSatisfy((pid: number) => pid > 1) });
    expect(values.at(-1)).toEqual({ exitCode: 3, signal: null });
  });

  test('makes just the namespaces that were asked for', async () => {
    expect(await valuesOf('clone', ['namespaces'])).toEqual([
      ...['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'].map((name) => ({ name, own: [name] })),
      { name: 'container', own: ['ipc', 'mnt', 'net', 'pid', 'uts'] },
    ]);
  });

  test('with CLONE_NEWPID: the death of the child takes all its processes with it', async () => {
    expect(await valuesOf('clone', ['kills-all'])).toEqual([
      { inside: 3 },
      { exitCode: 0, signal: null },
      { outside: ['1'] },
    ]);
  });

  test('a number that the function returns becomes the status', async () => {
    expect(await valuesOf('clone', ['status'])).toEqual([0, 7, 9].map((exitCode) => ({ exitCode, signal: null })));
  });

  test.for(['returns-nothing', 'async'])('%s: says so and ends the child with status 1', async (name) => {
    const run = await runProgram('clone', [name]);
    expect(run.stderr).toMatch(
      /^The child process \d+ neither became another program nor ended: the function given to clone returned\. /,
    );
    expect(printed(run)).toEqual([{ exitCode: 1, signal: null }]);
  });

  test('an error in the function is printed and ends the child with status 1', async () => {
    const run = await runProgram('clone', ['throws']);
    expect(run.stderr).toMatch(/^Uncaught error in the child process \d+:\nError: in the child\n +at /);
    expect(printed(run)).toEqual([{ exitCode: 1, signal: null }]);
  });

  test('the function may become another program', async () => {
    expect(await valuesOf('clone', ['exec'])).toEqual([{ exitCode: 5, signal: null }]);
  });

  test('without SIGCHLD waitpid finds the child with __WALL only', async () => {
    expect(await valuesOf('clone', ['without-sigchld'])).toEqual(['ECHILD', { exitCode: 4, signal: null }]);
  });

  test('refuses flags under which the child would share memory with Node, and arguments of other kinds', async () => {
    const shared = (flags: string) => ({
      name: 'TypeError',
      message: `clone: flags holds ${flags}; it takes CLONE_NEW* and SIGCHLD, for the others would share Node's memory with the child`,
    });
    const noFunction = { name: 'TypeError', message: 'clone: child must be a function: clone(child, flags)' };
    expect(await valuesOf('clone', ['refused'])).toEqual([
      shared('0x200'),
      shared('0x100'),
      shared('0x80000000'),
      noFunction,
      {
        name: 'TypeError',
        message: 'clone: flags must be a whole number from -2147483648 to 4294967295, and it is NaN',
      },
      noFunction,
    ]);
  });

  test('without root says that it needs root', async () => {
    expect(await valuesOf('clone', ['without-root'])).toMatchObject([
      {
        name: 'LinuxError',
        syscall: 'clone',
        code: 'EPERM',
        message:
          'clone(child, CLONE_NEWNS|CLONE_NEWPID|SIGCHLD) failed: EPERM: Operation not permitted. ' +
          'This call takes a right of root, and this process is not root: either it never was (sudo, or the virtual machine: vagrant up), or an earlier call gave it up.',
      },
    ]);
  });
});
