// The bindings on arm64: Node, koffi and the C library of that architecture, under an emulator of its processor.
// The system calls reach this machine's own kernel; of clone the emulator knows only what threads and fork need.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Arm64, openArm64 } from './arm64-node.ts';
import { ofThisTurn } from '../turns.ts';
import { printed, type Run, runProgram, type RunOptions } from './run-program.ts';

// Everything takes ten times as long, and the first time ever two packages are fetched.
const limit = 600;
vi.setConfig({ testTimeout: (limit + 30) * 1000, hookTimeout: 600_000 });

/** Programs that make the same calls as others do. */
const further = [
  ['fork', 'throw'],
  ['fork', 'process-exit'],
  ['exec', 'signals'],
  ['mount', 'private'],
  ['namespace', 'hostname'],
  ['exec', 'broken-pipe'],
  ['exec', 'environment-given'],
  ['exec', 'arguments'],
  ['wait', 'interrupted'],
  ['mount', 'proc'],
  ['mount', 'errors'],
  ['mount', 'special'],
] as const;

// Concurrent: the emulator spends seconds in starting Node, on one processor.
describe.skipIf(process.arch === 'arm64')('on arm64', { concurrent: true }, () => {
  let arm64: Arm64;
  beforeAll(async () => {
    arm64 = await openArm64();
  });
  afterAll(async () => {
    await arm64[Symbol.asyncDispose]();
  });

  async function run(name: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return runProgram(name, args, { limit, programs: arm64.programs, command: arm64.command, ...options });
  }

  test.for([
    ...([
      ['fork', 'heap'],
      ['clone', 'status'],
      ['exec', 'descriptors'],
      ['wait', 'status'],
      ['mount', 'pivot'],
    ] as const),
    ...ofThisTurn(further),
  ])('%s %s ends and prints as it does here', async ([name, word]) => {
    const [there, here] = await Promise.all([run(name, [word]), runProgram(name, [word])]);
    expect(alike(there)).toEqual(alike(here));
  });

  test.for([
    ['light-fork', 20],
    ['full-fork', 2],
  ] as const)('%s: %i children, none crashes or hangs', async ([kind, count]) => {
    const ended = await run('stress', [kind, String(count)]);
    expect(ended).toMatchObject({ stderr: '', exitCode: 0 });
    expect(printed(ended)).toMatchObject([{ kind, ends: { 0: count } }]);
  });

  test('clone into namespaces, which the emulator refuses: a LinuxError, and nothing breaks', async () => {
    const ended = await run('arm64', ['clone-with-namespaces']);
    expect(ended).toMatchObject({ stderr: '', exitCode: 0, signal: null });
    expect(printed(ended)).toMatchObject([
      'arm64',
      { name: 'LinuxError', syscall: 'clone', code: 'EINVAL' },
      { exitCode: 3, signal: null },
    ]);
  });
});

/** A run without what differs from one to the next: where the program is, and pids. */
function alike(run: Run): Run {
  const plain = (text: string) =>
    text
      .replaceAll(/(?:file:\/\/)?\/[^\s"()]*(?=\/(?:programs|boxwright-test-\w+)\/)/g, '')
      .replaceAll(/boxwright-test-\w+/g, 'scratch')
      .replaceAll(/(process )\d+/g, '$1N');
  return { ...run, stdout: plain(run.stdout), stderr: plain(run.stderr) };
}
