import { describe, expect, test } from 'vitest';
import { type Run, runProgram, valuesOf } from './run-program.ts';

/** What the program printed at its end; the terminal holds other words, too. */
function report(run: Run): unknown {
  const [found] = /\{.*\}/.exec(run.stdout) ?? [];
  if (found === undefined) throw new Error(`the program printed no report:\n${run.stdout}`);
  return JSON.parse(found);
}

const asItWas = { settings: true, hasTerminal: true, isForeground: true };

describe('on a terminal', () => {
  test.for([
    { name: 'interrupt', keys: '\u0003', ends: { exitCode: 5, signal: null } },
    { name: 'interrupt-default', keys: '\u0003', ends: { exitCode: null, signal: 2 } },
    { name: 'quit', keys: '\u001C', ends: { exitCode: null, signal: 3 } },
  ])('$name: the key reaches the child, and the parent goes on', async ({ name, keys, ends }) => {
    const run = await runProgram('terminal', [name], { terminal: true, type: { after: 'ready', keys } });
    expect(report(run)).toEqual({ ...ends, ...asItWas });
    expect(run).toMatchObject({ exitCode: 0, signal: null });
  });

  test.for(['settings', 'group', 'both'])('%s: after waitpid the terminal is as it was', async (name) => {
    const run = await runProgram('terminal', [name], { terminal: true });
    expect(report(run)).toEqual({ exitCode: null, signal: 9, ...asItWas });
    expect(run).toMatchObject({ exitCode: 0, signal: null });
  });
});

test('waitpid without a terminal on stdin', async () => {
  expect(await valuesOf('terminal', ['not-a-terminal'])).toEqual([3]);
});
