// What is too much for one run of npm test is run in turns: a part of it, a third as a rule, for each state of the
// checkout.
import { spawnSync } from 'node:child_process';
import { workshopRoot } from '../workshop/paths.ts';

const TURNS = 3;
const state = commit();

/** The commit that is checked out, as a number; 0 where there is none. */
function commit(): number {
  const { stdout } = spawnSync('git', ['rev-parse', '--short=8', 'HEAD'], { cwd: workshopRoot, encoding: 'utf8' });
  return Number.parseInt(stdout || '0', 16);
}

/** Those whose turn it is, one of so many: always the same for one commit. With `BOXWRIGHT_TESTS=all` it is everybody's. */
export function ofThisTurn<Thing>(all: readonly Thing[], turns = TURNS): Thing[] {
  if (process.env['BOXWRIGHT_TESTS'] === 'all') return [...all];
  return all.filter((_thing, index) => index % turns === state % turns);
}

/** One of them: always the same for one commit. */
export function oneOfThisTurn<Thing>(all: readonly Thing[]): Thing {
  return all[state % all.length]!;
}
