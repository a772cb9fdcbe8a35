import { describe, expect, test } from 'vitest';
import { printed, runProgram, valuesOf } from './run-program.ts';

describe('fork', () => {
  test('returns twice: the pid in the parent, 0 in the child, each with memory of its own', async () => {
    const [child, parent] = await valuesOf('fork', ['both']);
    const pid = (parent as { child: number }).child;
    expect(pid).toBeGreaterThan(1);
    // process.pid is what Node remembers, and that was the parent's.
    expect(child).toEqual({ in: 'child', ppid: 1, pid, cached: pid, changed: true });
    expect(parent).toEqual({
      in: 'parent',
      pid: 1,
      child: pid,
      changed: false,
      status: { pid, status: 7 << 8, exitCode: 7, signal: null },
    });
  });

  test('gives the child the whole heap, which V8 leaves out of children', async () => {
    expect(await valuesOf('fork', ['heap'])).toEqual([{ exitCode: 0, signal: null }]);
  });

  test('works in children of children', async () => {
    expect(await valuesOf('fork', ['generations'])).toEqual([5]);
  });

  test('throws what the kernel says where no more processes can be made', async () => {
    expect(await valuesOf('fork', ['no-more-processes'])).toMatchObject([
      { message: 'fork() failed: ENOMEM: Cannot allocate memory', syscall: 'fork', code: 'ENOMEM' },
    ]);
  });

  test('is refused in a worker thread', async () => {
    const [[fork, clone]] = (await valuesOf('fork', ['worker'])) as [[unknown, unknown]];
    expect(fork).toEqual({
      name: 'Error',
      message: 'fork works in the main thread only, and this is a worker thread',
    });
    expect(clone).toEqual({
      name: 'Error',
      message: 'clone works in the main thread only, and this is a worker thread',
    });
  });

  test.for([
    { given: [], missing: '--single-threaded and --v8-pool-size=0' },
    { given: ['--single-threaded'], missing: '--v8-pool-size=0' },
    { given: ['--v8-pool-size=0'], missing: '--single-threaded' },
    { given: ['--single-threaded', '--v8-pool-size=4'], missing: '--v8-pool-size=0' },
  ])('is refused where node was started with $given', async ({ given, missing }) => {
    const values = await valuesOf('fork', ['without-flags'], { nodeFlags: given });
    const message =
      `would hang or crash the child: node was started without ${missing}. ` +
      'Start it as: node --single-threaded --v8-pool-size=0 FILE';
    expect(values).toEqual([
      [
        { name: 'Error', message: `fork ${message}` },
        { name: 'Error', message: `clone ${message}` },
      ],
    ]);
  });

  test("takes the flags in V8's spelling, too", async () => {
    const nodeFlags = ['--single_threaded', '--v8-pool-size=0'];
    expect(await valuesOf('fork', ['heap'], { nodeFlags })).toEqual([{ exitCode: 0, signal: null }]);
  });
});

describe('a child that does not end in _exit or exec ends with status 1', () => {
  test.for([
    { way: 'throw', says: [/^Uncaught error in the child process \d+:\nSyntaxError: /] },
    {
      way: 'throw-with-cause',
      says: [
        /^Uncaught error in the child process \d+:\nError: cannot show processes\n/,
        /\nCaused by: LinuxError: mount\("proc", "\/no\/such\/place", "proc", 0, ""\) failed: ENOENT: No such file or directory\n/,
      ],
    },
    { way: 'throw-string', says: [/^Uncaught error in the child process \d+:\n'just a string'\n$/] },
    { way: 'throw-despite-handler', says: [/^Uncaught error in the child process \d+:\nError: in the child\n/] },
    { way: 'stack-overflow', says: [/\nRangeError: Maximum call stack size exceeded\n/] },
    { way: 'throw-in-callback', says: [/\nError: in a callback\n/] },
    { way: 'reject-nothing-waits', says: [/\nError: rejected in the child\n/] },
    { way: 'process-exit', says: [/^Error: process\.exit in the child process \d+: /, /A child ends in _exit\.\n/] },
    { way: 'process-abort', says: [/^Error: process\.abort in the child process \d+: /] },
    ...['process-exit-code', 'fall-off', 'fall-off-waiting', 'fall-off-file', 'await-forever'].map((way) => ({
      way,
      says: [
        /^The child process \d+ neither became another program nor ended: the child went on to the end of the program\. A child ends in execvp or _exit, and makes only synchronous calls\.\n$/,
      ],
    })),
  ])('$way', async ({ way, says }) => {
    const run = await runProgram('fork', [way]);
    for (const pattern of says) expect(run.stderr).toMatch(pattern);
    // The parent goes on, and its handlers of 'exit' run in no other process.
    expect(printed(run)).toEqual([{ exitCode: 1, signal: null }, { exitHandlerOf: 'parent' }]);
    expect(run).toMatchObject({ exitCode: 0, signal: null });
  });

  test('also where stderr is closed', async () => {
    expect(await valuesOf('fork', ['stderr-closed'])).toEqual([
      { exitCode: 1, signal: null },
      { exitHandlerOf: 'parent' },
    ]);
  });

  test('and _exit keeps its status', async () => {
    expect(await valuesOf('fork', ['_exit'])).toEqual([{ exitCode: 42, signal: null }, { exitHandlerOf: 'parent' }]);
  });

  test.for(['throw', 'throw-with-cause', 'process-exit', 'process-abort'])(
    'the stack of %s shows places in the program, and none in Node or in the bindings',
    async (way) => {
      const { stderr } = await runProgram('fork', [way]);
      const places = stderr.split('\n').filter((line) => line.startsWith('    at '));
      expect(places).not.toEqual([]);
      const outside = places.filter((place) => !place.includes('/tests/linux/programs/'));
      expect(outside.filter((place) => !place.includes('(<anonymous>)'))).toEqual([]);
    },
  );
});
