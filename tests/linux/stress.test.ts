// Children crash or hang now and then where something is wrong, and mostly while they collect garbage: so, many of them.
import { expect, test, vi } from 'vitest';
import { runProgram, valuesOf } from './run-program.ts';

const full = process.env['BOXWRIGHT_STRESS'] === 'full';
const light = full ? 2000 : 100;
const heavy = full ? 500 : 10;

/** A child that hangs is found after one minute; the whole is given enough for slow machines. */
const limit = full ? 3600 : 900;
vi.setConfig({ testTimeout: (limit + 30) * 1000 });

test.for([
  ['light-fork', light],
  ['light-clone', light],
  ['heavy-fork', heavy],
  ['heavy-clone', heavy],
  ['random-fork', light],
  ['full-fork', heavy],
  ['full-clone', heavy],
] as const)('%s: %i children, none crashes or hangs', async ([kind, count]) => {
  const [result] = await valuesOf('stress', [kind, String(count)], { limit });
  expect(result).toMatchObject({ kind, count, ends: { 0: count } });
  // The main thread's companions that no child has: without them this proves nothing.
  expect((result as { threads: number }).threads).toBeGreaterThan(4);
});

const starts = full ? 500 : 10;
test(`early-clone: ${starts} programs that make a child at once, none hangs`, async () => {
  for (let start = 0; start < starts; start += 1) {
    expect(await runProgram('early-clone')).toMatchObject({ stdout: '0\n', stderr: '', exitCode: 0 });
  }
});
