// Which programs of the tests the words of a command mean: those of a level, or one of them.
import { levelNamed, UsageError } from '../../workshop/cli/command.ts';
import { allLevels, type Level } from '../../workshop/levels.ts';
import { type Mistake, mistakesOf } from './mistakes.ts';

/** A program of the tests: a level's solution, where `mistake` is null, or a wrong program. */
export type ProgramMeant = { level: Level; mistake: Mistake | null };

/**
 * The programs that words mean: LEVEL for all of a level, LEVEL/NAME for one, LEVEL/solution for the solution. Without
 * words, all of `levels`.
 *
 * @throws UsageError naming the word that means none
 */
export function programsMeant(words: readonly string[], levels: Level[] = allLevels()): ProgramMeant[] {
  if (words.length === 0) return levels.flatMap(programsOf);
  return words.flatMap((word) => {
    const [of = '', name] = word.split('/');
    const meant = programsOf(levelNamed(of));
    const named = name === undefined ? meant : meant.filter((one) => nameOf(one) === name);
    if (named.length > 0) return named;
    throw new UsageError(`"${word}" means no program: name a level, LEVEL/solution, or LEVEL/NAME of a wrong program`);
  });
}

function programsOf(level: Level): ProgramMeant[] {
  return [{ level, mistake: null }, ...mistakesOf(level.name).map((mistake) => ({ level, mistake }))];
}

function nameOf({ mistake }: ProgramMeant): string {
  return mistake === null ? 'solution' : mistake.name.split('/')[1]!;
}
