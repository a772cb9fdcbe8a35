import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TraceLine } from '../../linux/trace.ts';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { node, runInSandbox, runProgram, valuesOf } from './run-program.ts';

const program = path.join(import.meta.dirname, 'programs/trace.ts');
const source = fs.readFileSync(program, 'utf8').split('\n');

/** The line of the program that is marked `call: NAME`. */
function lineOf(mark: string): number {
  return source.findIndex((line) => line.endsWith(`// call: ${mark}`)) + 1;
}

/** Runs a case of the program; the lines of its trace, which goes to a descriptor, and what the program printed. */
async function traced(name: string): Promise<{ lines: TraceLine[]; stderr: string; stdout: string }> {
  const script = 'BOXWRIGHT_TRACE=9 "$@" 9> trace; status=$?; echo "--- trace"; cat trace; exit $status';
  const run = await runInSandbox(['bash', '-c', script, 'bash', node, ...requiredNodeFlags, program, name]);
  const [stdout = '', trace = ''] = run.stdout.split('--- trace\n');
  const lines = trace
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceLine);
  return { lines, stderr: run.stderr, stdout };
}

describe('tracing', () => {
  test('shows each call with arguments, result, error, process, time and place', async () => {
    const before = Date.now();
    const { lines, stderr } = await traced('calls');
    const after = Date.now();
    expect(stderr).toBe('');
    const done = (call: string, args: unknown[], result: unknown = 0, errno: string | null = null) => ({
      time: expect.toSatisfy((time: number) => time > before - 1 && time < after + 1),
      pid: expect.toSatisfy((pid: number) => pid > 0),
      process: '0',
      call,
      args,
      phase: 'done',
      result,
      errno,
      file: program,
      line: lineOf(call),
      note: null,
    });
    const pid = lines[0]!.pid;
    expect(lines.filter(({ call, line }) => call !== 'getpid' || line === lineOf('getpid'))).toEqual([
      done('getpid', [], pid),
      done('mount', ['"tmpfs"', '"place"', '"tmpfs"', 'MS_NODEV|MS_NOEXEC', '"size=1m"']),
      done('umount', ['"/no/such/place"'], null, 'ENOENT'),
      done('umount2', ['"place"', 'MNT_DETACH']),
      done('setgroups', ['2', '[1, 2]']),
      done('umask', ['022'], expect.any(Number)),
      done('mknod', ['"null"', '020600', '0x103']),
      done('kill', [String(pid), '0']),
      done('unshare', ['CLONE_NEWUTS|CLONE_NEWIPC']),
      done('sethostname', ['"traced"', '6']),
      done('chroot', ['"/"']),
      done('pivot_root', ['"/no"', '"/such"'], null, 'ENOENT'),
      done('setgid', ['5']),
      done('setuid', ['6']),
    ]);
    const times = lines.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('tells the processes of a program apart', async () => {
    const { lines } = await traced('family');
    const of = (name: string) =>
      lines
        .filter((line) => line.process === name)
        .map(({ call, phase, args, result }) => ({ call, phase, args, result }));
    const child = lines.find((line) => line.process === '0.1')!.pid;
    const grandchild = lines.find((line) => line.process === '0.1.1')!.pid;
    expect(of('0')).toEqual([
      { call: 'fork', phase: 'done', args: [], result: child },
      { call: 'waitpid', phase: 'begins', args: [String(child), '0'], result: null },
      { call: 'waitpid', phase: 'done', args: [String(child), '0'], result: child },
      { call: 'clone', phase: 'done', args: ['child', 'CLONE_NEWPID|SIGCHLD'], result: expect.any(Number) },
      expect.objectContaining({ call: 'waitpid', phase: 'begins' }),
      expect.objectContaining({ call: 'waitpid', phase: 'done' }),
    ]);
    expect(of('0.1')).toEqual([
      { call: 'fork', phase: 'done', args: [], result: grandchild },
      { call: 'waitpid', phase: 'begins', args: [String(grandchild), '0'], result: null },
      { call: 'waitpid', phase: 'done', args: [String(grandchild), '0'], result: grandchild },
      { call: 'execvp', phase: 'begins', args: ['"true"', '["true", "a b"]'], result: null },
    ]);
    expect(of('0.1.1')).toEqual([
      { call: 'getpid', phase: 'done', args: [], result: grandchild },
      { call: '_exit', phase: 'begins', args: ['0'], result: null },
    ]);
    expect(of('0.2')).toEqual([
      { call: 'getpid', phase: 'done', args: [], result: 1 },
      { call: '_exit', phase: 'begins', args: ['3'], result: null },
    ]);
    // A pid is a number of the process's own namespace.
    expect(lines.filter((line) => line.process === '0.2').map(({ pid }) => pid)).toEqual([1, 1]);
    for (const [process, call] of [
      ['0', 'fork'],
      ['0', 'waitpid'],
      ['0.1', 'execvp'],
      ['0.2', '_exit'],
    ]) {
      const line = lines.find((candidate) => candidate.process === process && candidate.call === call);
      expect(line).toMatchObject({ file: program, line: lineOf(call!) });
    }
  });

  test('shows failures of calls that are begun', async () => {
    const { lines } = await traced('failures');
    const failures = lines.filter(({ errno }) => errno !== null);
    expect(failures.map(({ call, errno, result, phase }) => ({ call, errno, result, phase }))).toEqual([
      { call: 'execvp', errno: 'ENOENT', result: null, phase: 'done' },
      { call: 'waitpid', errno: 'ECHILD', result: null, phase: 'done' },
      { call: 'fork', errno: 'ENOMEM', result: null, phase: 'done' },
    ]);
  });

  test('says why the workshop ended a child that did not end itself', async () => {
    const { lines } = await traced('ways');
    const exits = lines.filter(({ call }) => call === '_exit');
    expect(exits.map(({ process, args, note }) => ({ process, args, note }))).toEqual([
      { process: '0.1', args: ['1'], note: 'uncaught error' },
      { process: '0.2', args: ['1'], note: 'process.exit' },
      { process: '0.3', args: ['5'], note: null },
      { process: '0.4', args: ['1'], note: 'fell off the end' },
      { process: '0.5', args: ['1'], note: 'fell off the end' },
    ]);
  });

  test('reaches neither the environment nor the descriptors of the program that is executed', async () => {
    const { lines, stdout } = await traced('environment');
    expect(lines.map(({ call, phase }) => ({ call, phase }))).toEqual([{ call: 'execvp', phase: 'begins' }]);
    expect(stdout).toMatch(/^null\n/);
    expect(stdout).toContain('PATH=');
    expect(stdout).not.toMatch(/BOXWRIGHT_TRACE|descriptor/);
  });

  test('goes on after the root directory has changed', async () => {
    const { lines } = await traced('in-new-root');
    expect(lines.map(({ call }) => call)).toEqual(['mount', 'chroot', 'getpid']);
  });

  test('writes to a file that it is given by name, which only its owner reads', async () => {
    const env = { BOXWRIGHT_TRACE: 'trace' };
    expect(await valuesOf('trace', ['mode'], { env })).toEqual(['600']);
    const script = '"$@" > /dev/null && "$@" > /dev/null && cat trace';
    const run = await runInSandbox(['bash', '-c', script, 'bash', node, program, 'quiet'], { env });
    // A file is added to.
    expect(
      run.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as TraceLine).call),
    ).toEqual(['getpid', 'getpid']);
  });

  test('never changes what the program does: a full disk, a closed descriptor', async () => {
    expect(await valuesOf('trace', ['quiet'], { env: { BOXWRIGHT_TRACE: '/dev/full' } })).toEqual([1]);
    expect(await valuesOf('trace', ['closed'], { env: { BOXWRIGHT_TRACE: 'trace' } })).toEqual([1]);
  });

  test('says so where it cannot begin', async () => {
    const descriptor = await runProgram('trace', ['quiet'], { env: { BOXWRIGHT_TRACE: '77' } });
    expect(descriptor.exitCode).toBe(1);
    expect(descriptor.stderr).toContain('BOXWRIGHT_TRACE names descriptor 77, which is not open');
    const file = await runProgram('trace', ['quiet'], { env: { BOXWRIGHT_TRACE: '/no/such/place' } });
    expect(file.exitCode).toBe(1);
    expect(file.stderr).toContain('BOXWRIGHT_TRACE names /no/such/place, which cannot be opened for writing');
  });

  test('is off where the variable is empty or missing', async () => {
    expect(await valuesOf('trace', ['quiet'], { env: { BOXWRIGHT_TRACE: '' } })).toEqual([1]);
    expect(await valuesOf('trace', ['quiet'])).toEqual([1]);
  });
});
