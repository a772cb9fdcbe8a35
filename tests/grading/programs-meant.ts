// Which programs the words of a command mean, where it grades those of the tests: a level, or one program of it.
import { UsageError } from '../../workshop/cli/command.ts';
import { allLevels, findLevel, type Level } from '../../workshop/levels.ts';
import { type Mistake, mistakesOf } from './mistakes.ts';

/** A program of the tests: a level's solution, where `mistake` is null, or a wrong program. */
export type ProgramMeant = { level: Level; mistake: Mistake | null };

/** The levels that words name; all of `levels` without words. @throws UsageError naming the word that means none */
export function levelsMeant(words: readonly string[], levels: Level[]): Level[] {
  if (words.length === 0) return levels;
  return words.map((word) => {
    const level = findLevel(word);
    if (level === null) throw new UsageError(`there is no level "${word}"`);
    return level;
  });
}

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
    const level = findLevel(of);
    const meant = level === null ? [] : programsOf(level);
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
