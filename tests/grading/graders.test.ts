// Every grader three ways: the solution passes, the skeleton fails with a first step, wrong programs fail with the
// right diagnosis. And: another correct program passes.
import path from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { allLevels, neighbours, skeletonFile, solutionFile, spoken } from '../../workshop/levels.ts';
import { check, checkJson } from './check.ts';
import { type GraderPool, openGraders } from './grader-pool.ts';
import { gradeMistake, mistakesOf, named, notHere, oneForEachMisconception } from './mistakes.ts';
import { ofThisTurn } from '../turns.ts';
import { wordingFile, wordingOf } from './wording.ts';

const here = import.meta.dirname;
let graders: GraderPool;
// More than processors: much of grading is waiting for a program.
beforeAll(() => void (graders = openGraders(3)));
afterAll(() => graders[Symbol.asyncDispose]());

const levels = allLevels();
const inTurn = new Set(ofThisTurn(levels));

describe.for(levels)('$name', { concurrent: true }, (level) => {
  test('the solution passes', async ({ expect }) => {
    const result = await checkJson(spoken(level), '--solution');
    expect(result.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(result).toMatchObject({ schema: 'boxwright/check/v1', level: level.name, target: 'solution', passed: true });
  });

  test('the untouched skeleton fails, and names the first step', async ({ expect }) => {
    const { stdout, exitCode } = await check(spoken(level), '--file', skeletonFile(level), '--plain');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/Your next step is TODO 1\.\n\nopen +\S+\.ts:\d+\ndo /);
  });

  test.runIf(inTurn.has(level))('the solution of the level before fails', async ({ expect }) => {
    const { before } = neighbours(level);
    if (before === null) return;
    const first = `${level.number}.1`;
    const result = await graders.grade({ level, target: 'file', file: solutionFile(before), only: [first] });
    if ('fault' in result) throw new Error(result.fault);
    expect(result.checks.find(({ status }) => status === 'failed')?.id).toBe(first);
  });

  test.runIf(inTurn.has(level))('another correct program passes', async ({ expect }) => {
    const file = path.join(here, 'alternatives', `${level.name}.ts`);
    const result = await graders.grade({ level, target: 'file', file });
    if ('fault' in result) throw new Error(result.fault);
    expect(result.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
  });

  // All of them, with all checks, take hours on a slow machine: that is npm run test:graders. Here a program for each
  // misconception has its turn at about one commit in three; bonus levels, where grading takes longer, in six.
  const spokesmen = oneForEachMisconception(mistakesOf(level.name));
  test.for(ofThisTurn(spokesmen, level.bonus ? 6 : 3))(
    '$name fails $fails as $misconception',
    async (mistake, { skip, expect }) => {
      const reason = notHere(mistake);
      if (reason !== null) skip(reason);
      // Its seed lets a failure be seen again.
      const how = { seed: mistake.name, only: named(mistake) };
      const { expected, found, result } = await gradeMistake(level, mistake, graders, how);
      expect(found).toEqual(expected);
      const file = wordingFile(mistake);
      if (file !== null) await expect(wordingOf(result)).toMatchFileSnapshot(file);
    },
  );
});
