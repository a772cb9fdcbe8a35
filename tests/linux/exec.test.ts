import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { node, printed, runInSandbox, runProgram, valuesOf } from './run-program.ts';

describe('execvp hands over a clean process', () => {
  test('stdin, stdout and stderr are open', async () => {
    expect(await runProgram('exec', ['standard'], { input: 'in\n' })).toEqual({
      stdout: 'in\nout\n',
      stderr: 'err\n',
      exitCode: 0,
      signal: null,
    });
  });

  test('no other descriptor is, neither of Node nor inherited', async () => {
    const run = await runProgram('exec', ['descriptors']);
    expect(run).toEqual({ stdout: '0\n1\n2\n', stderr: '', exitCode: 0, signal: null });
  });

  test('they wait: O_NONBLOCK, which Node sets on pipes, is gone', async () => {
    const run = await runProgram('exec', ['descriptor-flags'], { input: 'x' });
    const [first, node, ...flags] = run.stdout.trim().split('\n');
    expect(first).toBe('first');
    // Node has set it, or this test shows nothing.
    expect((JSON.parse(node!) as { nonblocking: boolean[] }).nonblocking).toContain(true);
    const { O_NONBLOCK } = fs.constants;
    const nonblocking = flags.map((line) => Number.parseInt(line.replace(/flags:\s*/, ''), 8) & O_NONBLOCK);
    expect(nonblocking).toEqual([0, 0, 0]);
  });

  test.for(['much-output', 'much-output-of-child'])(
    '%s: 50 MB arrive through a pipe that is read slowly',
    async (name) => {
      const programs = path.join(import.meta.dirname, 'programs');
      const writer = [node, ...requiredNodeFlags, `${programs}/exec.ts`, name].join(' ');
      // A shell's pipe, and not the socket that Node gives to the processes it starts.
      const script = `${writer} | ${node} ${programs}/slow-reader.ts; exit "\${PIPESTATUS[0]}"`;
      expect(await runInSandbox(['bash', '-c', script])).toEqual({
        stdout: JSON.stringify({ bytes: 'first\n'.length + 50_000_000 }) + '\n',
        stderr: '',
        exitCode: 0,
        signal: null,
      });
    },
  );

  test('and go on to while the parent waits, even if it has used them since', async () => {
    const run = await runProgram('exec', ['used-while-child-runs']);
    expect(run).toMatchObject({ stderr: '', exitCode: 0 });
    expect(run.stdout.trim().split('\n')).toEqual([
      'first',
      '{"used":true}',
      '{"whileParentWaits":false}',
      '{"afterwards":true}',
    ]);
  });

  test('no signal is ignored or blocked', async () => {
    const run = await runProgram('exec', ['signals']);
    expect(run.stdout.match(/^Sig(Blk|Ign|Cgt):.*/gm)).toEqual(
      ['Blk', 'Ign', 'Cgt'].map((kind) => `Sig${kind}:\t0000000000000000`),
    );
  });

  test('SIGPIPE ends a program whose reader has gone: yes | head complains of nothing', async () => {
    expect(await runProgram('exec', ['broken-pipe'])).toEqual({
      stdout: 'y\n',
      stderr: '',
      exitCode: 0,
      signal: null,
    });
    expect(await runProgram('exec', ['broken-pipe-status'])).toMatchObject({ stdout: 'y\n141\n0\n', stderr: '' });
  });

  test("the environment is the program's own, with its changes", async () => {
    const run = await runProgram('exec', ['environment'], { env: { REMOVED: 'x', KEPT: 'y' } });
    const names = run.stdout.split('\n');
    expect(names).toContain('ADDED=by the program');
    expect(names).toContain('KEPT=y');
    expect(names.filter((line) => line.startsWith('REMOVED='))).toEqual([]);
  });

  test('execvpe: the environment is the one given and nothing else', async () => {
    const run = await runProgram('exec', ['environment-given']);
    expect(run.stdout.trim().split('\n').toSorted()).toEqual(['EMPTY=', 'EQUAL=a=b c', 'ONE=1', 'PATH=/nowhere']);
  });

  test('a name without a slash is looked up in PATH, as the program has set it', async () => {
    expect(await runProgram('exec', ['path'])).toMatchObject({ stdout: 'found me\n', exitCode: 0 });
  });

  test('arguments arrive unchanged', async () => {
    const run = await runProgram('exec', ['arguments']);
    const [, ...words] = run.stdout.split(/^(?=\[)/m);
    expect(words).toEqual(
      ['two words', '', '$HOME', 'quote\' " `', 'ü → 箱', 'line\nbreak', '-x', '*'].map((word) => `[${word}]\n`),
    );
    expect(await runProgram('exec', ['own-name'])).toMatchObject({ stdout: 'another name\n' });
  });
});

describe('execvp that fails', () => {
  test('throws what the kernel said, and leaves signals and descriptors as they were', async () => {
    const run = await runProgram('exec', ['failures']);
    expect(run).toMatchObject({ stderr: '', exitCode: 0 });
    const [errors, state] = run.stdout
      .split('\n')
      .slice(1, -1)
      .map((line): unknown => JSON.parse(line)) as [unknown, { before: object; after: object }];
    expect(errors).toMatchObject([
      {
        name: 'LinuxError',
        message: 'execvp("no-such-program", ["no-such-program", "x"]) failed: ENOENT: No such file or directory',
        syscall: 'execvp',
        errno: 2,
        code: 'ENOENT',
        args: ['no-such-program', ['no-such-program', 'x']],
      },
      { code: 'EACCES', message: 'execvp("./data", ["data"]) failed: EACCES: Permission denied' },
      { code: 'EACCES' },
      { code: 'ENOENT' },
      'E2BIG',
      { code: 'ENOENT', syscall: 'execvpe', args: ['no-such-program', ['x'], ['A=1']] },
    ]);
    expect(state.after).toEqual(state.before);
    // Node ignores SIGPIPE (13), and the program blocked SIGTERM (15).
    expect(state.before).toMatchObject({ SigBlk: '0000000000004000', SigIgn: '0000000001001000' });
    expect((state.before as { nonblocking: boolean[] }).nonblocking).toContain(true);
  });

  test('names the wrong argument before the C library sees it', async () => {
    const [messages] = await valuesOf('exec', ['wrong-arguments']);
    expect(messages).toEqual([
      'execvp: argv is empty; its first entry is the name',
      'execvp: argv must be an array of strings, the first one the name',
      'execvp: argv[1] must be a string, and it is of type undefined',
      'execvp: argv[0] contains a zero byte',
      'execvp: file must be a string, and it is of type undefined',
      'execvpe: A contains a zero byte',
    ]);
  });

  test('in a child that does not catch it: the error is printed and the status is 1', async () => {
    const run = await runProgram('fork', ['exec-fails']);
    expect(run.stderr).toContain('LinuxError: execvp("no-such-program", ["no-such-program"]) failed: ENOENT');
    expect(printed(run)[0]).toEqual({ exitCode: 1, signal: null });
  });
});
