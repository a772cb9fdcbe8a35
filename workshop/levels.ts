// The levels: their names, their folders, and the names by which people ask for them.
import fs from 'node:fs';
import path from 'node:path';
import { workshopRoot } from './paths.ts';

/** A level, named as its folder: `05-uts-namespace`. */
export type Level = {
  name: string;
  /** `05` */
  number: string;
};

/** All levels of this checkout, in order. */
export function allLevels(): Level[] {
  return fs
    .readdirSync(path.join(workshopRoot, 'levels'))
    .filter((name) => /^\d\d-/.test(name))
    .sort()
    .map((name) => ({ name, number: name.slice(0, 2) }));
}

/** The levels from the first one to this one. */
export function levelsUpTo(level: Level): Level[] {
  return allLevels().filter(({ number }) => number <= level.number);
}

/** The level that somebody means by `level-05`, `05`, `5`, `uts-namespace` or `05-uts-namespace`; null where none. */
export function findLevel(asked: string, levels = allLevels()): Level | null {
  const word = asked
    .toLowerCase()
    .replace(/^levels?[-_/]?/, '')
    .replace(/\/$/, '');
  if (/^\d{1,2}$/.test(word)) {
    return levels.find(({ number }) => number === word.padStart(2, '0')) ?? null;
  }
  return levels.find(({ name }) => name === word || name.slice(3) === word) ?? null;
}

/** How the level is called on the command line: `level-05`. */
export function spoken(level: Level): string {
  return `level-${level.number}`;
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
