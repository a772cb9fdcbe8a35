// A program that breaks off somewhere, for a reason that no grader knows: the report says so and names the line, and
// takes it for no misconception. Where it breaks off is another line with another commit.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { numberedLevels, solutionFile } from '../../workshop/levels.ts';
import { oneOfThisTurn } from '../turns.ts';
import { type GraderPool, openGraders } from './grader-pool.ts';

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
    using folder = fs.mkdtempDisposableSync(path.join(os.tmpdir(), 'boxwright-broken-'));
    const file = path.join(folder.path, 'box.ts');
    fs.writeFileSync(file, solution.toSpliced(line - 1, 0, BROKEN).join('\n'));
    const result = await graders.grade({ level, target: 'file', file, only: 'own' });
    if ('fault' in result) throw new Error(result.fault);
    const failed = result.checks.find(({ status }) => status === 'failed');
    expect(failed, `nobody noticed an error before line ${line}`).toBeDefined();
    expect(failed).toMatchObject({ mistake: null, at: { file, line } });
    expect(failed!.evidence!.join('\n')).toContain('the moon is full');
  });
});
