// A program that breaks off somewhere, for a reason that no grader knows: the report says so and names the line, and
// takes it for no misconception. Where it breaks off is another line with another commit.
import fs from 'node:fs';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { numberedLevels, solutionFile } from '../../workshop/levels.ts';
import { oneOfThisTurn } from '../turns.ts';
import { gradeProgram, type GraderPool, openGraders } from './grader-pool.ts';

/** Of a solution, the statements that make a call; all but the last ones, which come when all is over. */
const CALL = /^ +(?:const \w+ = )?(?:linux|fs|path)\.(?!waitpid|_exit|rmSync)\w+\(.*;$/;
const BROKEN = `if (Number('1') === 1) throw new Error('the moon is full');`;

let graders: GraderPool;
beforeAll(() => void (graders = openGraders(2)));
afterAll(() => graders[Symbol.asyncDispose]());

describe('broken off', { concurrent: true }, () => {
  test.for(numberedLevels())('$name', async (level, { expect }) => {
    const solution = fs.readFileSync(solutionFile(level), 'utf8').split('\n');
    const line = oneOfThisTurn(solution.flatMap((text, index) => (CALL.test(text) ? [index + 1] : [])));
    const program = solution.toSpliced(line - 1, 0, BROKEN).join('\n');
    const { file, result } = await gradeProgram(graders, level, { name: 'box', program }, { only: 'own' });
    const failed = result.checks.find(({ status }) => status === 'failed');
    expect(failed, `nobody noticed an error before line ${line}`).toBeDefined();
    expect(failed).toMatchObject({ mistake: null, at: { file, line } });
    expect(failed!.evidence!.join('\n')).toContain('the moon is full');
  });
});
