// The course is whole: every level has all that belongs to it, and nothing lies about that belongs to none.
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checksOf } from '../workshop/checks.ts';
import { allLevels, type Level, levelFile, neighbours, skeletonFile, solutionFile } from '../workshop/levels.ts';
import { workshopRoot } from '../workshop/paths.ts';
import { progressFile } from '../workshop/progress.ts';
import { mistakesOf } from './grading/mistakes.ts';

/** Lines of a skeleton. The last levels carry the code of many before them, and one for images has it in classes. */
const lines = ({ number, bonus }: Level): number =>
  ({ '06': 155, '07': 190, '08': 260, '09': 300, images: 480 })[number] ?? (bonus ? 400 : 150);

const levels = allLevels();
/** Misconceptions that the solution of the level before shows, in place of a wrong program. */
const shownBefore = ['no-bind-mount'];
/** Lines of the level before that the solution has, too, and the skeleton has not: they are part of a TODO. */
const takenAway: Readonly<Record<string, string[]>> = {
  images: ['// Or the umask would take from the modes: /tmp is for everybody to write into.'],
  rootless: ['try {', 'return null;'],
};
const folders = (name: string): string[] => fs.readdirSync(path.join(workshopRoot, name)).sort();

describe.for(levels)('$name', (level) => {
  const skeleton = fs.readFileSync(skeletonFile(level), 'utf8');
  const grader = fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8');
  const checks = checksOf(grader);

  test('its folder holds a lesson, a skeleton, a grader and hints', () => {
    const files = folders(`levels/${level.name}`).filter((name) => !name.includes('.saved-'));
    expect(files).toEqual(['README.md', 'box.ts', 'grade.test.ts', 'hints.md']);
    expect(folders(`solutions/${level.name}`)).toEqual(['box.ts']);
  });

  test.skipIf(fs.existsSync(progressFile))('its box.ts is the skeleton that reset brings back', () => {
    expect(fs.readFileSync(levelFile(level, 'box.ts'), 'utf8')).toBe(skeleton);
  });

  test('checks are numbered in order, and so are the TODOs of the skeleton', () => {
    expect(checks.map(({ id }) => id)).toEqual(checks.map((_check, index) => `${level.number}.${index + 1}`));
    const todos = new Set([...skeleton.matchAll(/TODO (\d+)/g)].map(([, number]) => Number(number)));
    expect([...todos].sort((one, other) => one - other)).toEqual(checks.map((_check, index) => index + 1));
  });

  test('the skeleton is short, and the solution leaves nothing to do', () => {
    expect(skeleton.split('\n').length).toBeLessThanOrEqual(lines(level));
    expect(fs.readFileSync(solutionFile(level), 'utf8')).not.toContain('TODO');
  });

  test('the skeleton has the code of the level before, as far as it stays', () => {
    const { before } = neighbours(level);
    if (before === null) return;
    const code = (source: string): string[] => source.split('\n').map((line) => line.trim());
    const solution = new Set(code(fs.readFileSync(solutionFile(level), 'utf8')));
    const stays = code(fs.readFileSync(solutionFile(before), 'utf8')).filter((line) => solution.has(line));
    const taken = takenAway[level.number] ?? [];
    expect(stays.filter((line) => !code(skeleton).includes(line) && !taken.includes(line))).toEqual([]);
  });

  test('there are wrong programs, and a right one of another shape', () => {
    expect(mistakesOf(level.name).length).toBeGreaterThanOrEqual(6);
    expect(fs.existsSync(path.join(import.meta.dirname, 'grading', 'alternatives', `${level.name}.ts`))).toBe(true);
  });

  test('every misconception has a program that shows it', async () => {
    const file = path.join(workshopRoot, 'workshop/grading/misconceptions', `${level.name}.ts`);
    const { misconceptions } = (await import(file)) as { misconceptions: { slug: string }[] };
    const shown = new Set([
      ...shownBefore,
      ...levels.flatMap(({ name }) => mistakesOf(name)).map(({ misconception }) => misconception),
    ]);
    expect(misconceptions.map(({ slug }) => slug).filter((slug) => !shown.has(slug))).toEqual([]);
  });

  test('every check has three hints', () => {
    const sections = fs.readFileSync(levelFile(level, 'hints.md'), 'utf8').split(/^## /m).slice(1);
    expect(sections.map((section) => section.split(' ')[0])).toEqual(checks.map(({ id }) => id));
    for (const section of sections) expect(section.match(/^\d\. /gm)).toEqual(['1. ', '2. ', '3. ']);
  });
});

test('nothing belongs to no level', () => {
  const names = levels.map(({ name }) => name);
  expect(folders('levels')).toEqual(names);
  expect(folders('solutions')).toEqual(names);
  expect(folders('tests/grading/mistakes')).toEqual(names);
  expect(folders('tests/grading/alternatives')).toEqual(names.map((name) => `${name}.ts`));
  expect(folders('tests/grading/mutants')).toEqual(names.map((name) => `${name}.ts`));
  expect(folders('workshop/skeletons')).toEqual(names.map((name) => `${name}.ts`));
  expect(folders('workshop/grading/misconceptions')).toEqual(names.map((name) => `${name}.ts`));
});
