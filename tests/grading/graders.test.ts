// Every grader three ways: the solution passes, the skeleton fails with a first step, wrong programs fail with the
// right diagnosis. And: another correct program passes.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allLevels, bonusLevels, neighbours, skeletonFile, solutionFile, spoken } from '../../workshop/levels.ts';
import { check, checkJson } from './check.ts';
import { type GraderPool, openGraders } from './grader-pool.ts';
import { gradeMistake, mistakesOf, named, notHere } from './mistakes.ts';
import { wordingFile, wordingOf } from './wording.ts';

const here = import.meta.dirname;
let graders: GraderPool;
// More than processors: much of grading is waiting for a program.
beforeAll(() => void (graders = openGraders(3)));
afterAll(() => graders[Symbol.asyncDispose]());

describe.for([...allLevels(), ...bonusLevels()])('$name', (level) => {
  test('the solution passes', async () => {
    const result = await checkJson(spoken(level), '--solution');
    expect(result.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(result).toMatchObject({ schema: 'boxwright/check/v1', level: level.name, target: 'solution', passed: true });
  });

  test('the untouched skeleton fails, and names the first step', async () => {
    const { stdout, exitCode } = await check(spoken(level), '--file', skeletonFile(level), '--plain');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/Your next step is TODO 1\.\n\nopen +\S+\.ts:\d+\ndo /);
  });

  test('the solution of the level before fails', async () => {
    const { before } = neighbours(level);
    if (before === null) return;
    const result = await checkJson(spoken(level), '--file', solutionFile(before));
    expect(result.checks.find(({ status }) => status === 'failed')?.id).toBe(`${level.number}.1`);
  });

  test('another correct program passes', async () => {
    const result = await checkJson(spoken(level), '--file', path.join(here, 'alternatives', `${level.name}.ts`));
    expect(result.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
  });

  test.concurrent.for(mistakesOf(level.name))(
    '$name fails $fails as $misconception',
    async (mistake, { skip, expect }) => {
      const reason = notHere(mistake);
      if (reason !== null) skip(reason);
      // Its seed lets a failure be seen again. npm run test:graders leaves it to chance, and asks all other checks, too.
      const how = { seed: mistake.name, only: named(mistake) };
      const { expected, found, result } = await gradeMistake(level, mistake, graders, how);
      expect(found).toEqual(expected);
      const file = wordingFile(mistake);
      if (file !== null) await expect(wordingOf(result)).toMatchFileSnapshot(file);
    },
  );
});
