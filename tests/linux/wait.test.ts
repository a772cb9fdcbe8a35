import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

describe('waitpid', () => {
  test('says how the child ended', async () => {
    const ended = (script: string, status: number, exitCode: number | null, signal: number | null) => ({
      script,
      same: true,
      status,
      exitCode,
      signal,
    });
    expect(await valuesOf('wait', ['status'])).toEqual([
      ended('exit 0', 0, 0, null),
      ended('exit 2', 512, 2, null),
      ended('exit 255', 0xff00, 255, null),
      ended('kill -KILL $$', 9, null, 9),
      ended('kill -TERM $$', 15, null, 15),
      // Whether a core was dumped (0x80) is the machine's choice.
      {
        ...ended('kill -SEGV $$', 11, null, 11),
        status: expect.toSatisfy((status: number) => (status & ~0x80) === 11),
      },
    ]);
  });

  test('-1 waits for any child', async () => {
    expect(await valuesOf('wait', ['any-child'])).toEqual([[1, 2, 3], 'ECHILD']);
  });

  test('leaves no zombie', async () => {
    expect(await valuesOf('wait', ['zombie'])).toEqual([false]);
  });

  test('WNOHANG: pid 0 where the child runs, and its end once it has ended', async () => {
    expect(await valuesOf('wait', ['without-blocking'])).toEqual([
      { pid: 0, status: 0, exitCode: null, signal: null },
      { exitCode: null, signal: 15 },
    ]);
  });

  test('WUNTRACED: a child that was stopped has not ended', async () => {
    expect(await valuesOf('wait', ['stopped'])).toEqual([
      {
        stopped: { pid: true, status: 0x137f, exitCode: null, signal: null },
        continued: { exitCode: 6, signal: null },
      },
    ]);
  });

  test('for no child of the caller: ECHILD, and what that means', async () => {
    const [[twice, other]] = (await valuesOf('wait', ['no-child'])) as [[unknown, unknown]];
    expect(twice).toMatchObject({
      syscall: 'waitpid',
      errno: 10,
      code: 'ECHILD',
      message: expect.stringMatching(
        /^waitpid\(\d+, 0\) failed: ECHILD: No child processes\. The caller has no such child: /,
      ),
    });
    expect(other).toMatchObject({
      message: expect.stringMatching(/^waitpid\(1, WNOHANG\|WUNTRACED\) failed: ECHILD: /),
    });
  });

  test('names the wrong argument', async () => {
    expect(await valuesOf('wait', ['wrong-arguments'])).toEqual([
      [
        'waitpid: pid must be a whole number from -2147483648 to 2147483647, and it is of type undefined',
        'waitpid: pid must be a whole number from -2147483648 to 2147483647, and it is of type string',
        'waitpid: options must be a whole number from -2147483648 to 4294967295, and it is 0.5',
      ],
    ]);
  });

  test('leaves SIGINT and SIGQUIT to the child, and takes them back as they were', async () => {
    expect(await valuesOf('wait', ['interrupted'])).toEqual([
      { childIgnores: [false, false] },
      4,
      [true, true, true],
      { exitCode: 0, signal: null },
    ]);
    expect(await valuesOf('wait', ['interrupted-later'])).toEqual([{ exitCode: null, signal: 2 }]);
  });
});
