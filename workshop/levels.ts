// The levels: their names, their folders, and the names by which people ask for them.
import fs from 'node:fs';
import path from 'node:path';
import { workshopRoot } from './paths.ts';

/** A level, named as its folder: `05-uts-namespace`, or `bonus-network`. */
export type Level = {
  name: string;
  /** What the ids of its checks begin with: `05`. Of a bonus level it is a word, which sorts behind: `network`. */
  number: string;
  /** It comes after the numbered ones and goes on from the last of them. None of its kind needs another. */
  bonus: boolean;
};

/** The numbered levels of this checkout, in order. */
export function numberedLevels(): Level[] {
  return foldersLike(/^\d\d-/).map((name) => ({ name, number: name.slice(0, 2), bonus: false }));
}

/** The numbered levels, and behind them the others. */
export function allLevels(): Level[] {
  return [...numberedLevels(), ...bonusLevels()];
}

/** The levels for those who want to go on, by name. */
export function bonusLevels(): Level[] {
  return foldersLike(/^bonus-/).map((name) => ({ name, number: name.slice('bonus-'.length), bonus: true }));
}

function foldersLike(pattern: RegExp): string[] {
  return fs
    .readdirSync(path.join(workshopRoot, 'levels'))
    .filter((name) => pattern.test(name))
    .sort();
}

/** The levels from the first one to this one. */
export function levelsUpTo(level: Level): Level[] {
  const before = numberedLevels().filter(({ number }) => level.bonus || number < level.number);
  return [...before, level];
}

/** The level whose solution this one starts from, and the one that follows; null where there is none. */
export function neighbours(level: Level): { before: Level | null; next: Level | null } {
  const numbered = numberedLevels();
  if (level.bonus) return { before: numbered.at(-1) ?? null, next: null };
  const index = numbered.findIndex(({ name }) => name === level.name);
  return { before: numbered[index - 1] ?? null, next: numbered[index + 1] ?? null };
}

/**
 * The level that somebody means by `level-05`, `05`, `5`, `uts-namespace` or `05-uts-namespace`, and by `bonus-network`
 * or `network`; null where none.
 */
export function findLevel(asked: string, levels = allLevels()): Level | null {
  const word = asked
    .toLowerCase()
    .replace(/^levels?[-_/]?/, '')
    .replace(/\/$/, '');
  if (/^\d{1,2}$/.test(word)) {
    return levels.find(({ number }) => number === word.padStart(2, '0')) ?? null;
  }
  return levels.find(({ name }) => name === word || name.replace(/^(?:\d\d|bonus)-/, '') === word) ?? null;
}

/** The id under which a level asks the checks of the levels before it again: `06.0`. */
export function earlierOf({ number }: Level): string {
  return `${number}.0`;
}

/** How the level is called on the command line: `level-05`, `bonus-network`. */
export function spoken(level: Level): string {
  return level.bonus ? level.name : `level-${level.number}`;
}

/** A file of the level: its lesson, skeleton, grader or hints. */
export function levelFile(level: Level, file: 'README.md' | 'box.ts' | 'grade.test.ts' | 'hints.md'): string {
  return path.join(workshopRoot, 'levels', level.name, file);
}

/** The level's reference solution. */
export function solutionFile(level: Level): string {
  return path.join(workshopRoot, 'solutions', level.name, 'box.ts');
}

/** The level's skeleton as it was handed out, whatever the student has made of `box.ts` since. */
export function skeletonFile(level: Level): string {
  return path.join(workshopRoot, 'workshop', 'skeletons', `${level.name}.ts`);
}
