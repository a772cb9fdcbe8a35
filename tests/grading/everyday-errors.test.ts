// What anybody mistypes at some time: the report says so, names the line, and speaks of no misconception.
import fs from 'node:fs';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { findLevel, solutionFile } from '../../workshop/levels.ts';
import { gradeProgram, type GraderPool, openGraders } from './grader-pool.ts';

const level = findLevel('02')!;
const solution = fs.readFileSync(solutionFile(level), 'utf8');

let graders: GraderPool;
beforeAll(() => void (graders = openGraders(2)));
afterAll(() => graders[Symbol.asyncDispose]());

/** What is there, what somebody types in its place, what is found, and what stderr is to say of it. */
const errors: [right: string, wrong: string, slug: string, said: string][] = [
  ['const archive =', 'const archive ==', 'does-not-start', "'const' declarations must be initialized"],
  ["import path from 'node:path'", "import { path } from 'node:path'", 'does-not-start', "export named 'path'"],
  ["from '#linux'", "from '#linus'", 'does-not-start', '"#linus" is not defined'],
  ["from 'tar'", "from 'tarball'", 'does-not-start', "Cannot find package 'tarball'"],
  ['function run(', 'enum Kind { A } function run(', 'does-not-start', 'enum is not supported'],
  ['linux.chroot(', 'linux.chrooot(', 'error-of-javascript', 'linux.chrooot is not a function'],
  ['linux.unshare(linux.', 'linux.unshare(', 'error-of-javascript', 'CLONE_NEWNS is not defined'],
  ['linux.chroot(root)', 'linux.chroot(undefined!)', 'error-of-javascript', 'path must be a string'],
  ['linux.chroot(root)', 'linux.chroot({ root }.path)', 'error-of-javascript', 'path must be a string'],
];

describe('everyday errors', { concurrent: true }, () => {
  test.for(errors)('%s as %s', async ([right, wrong, slug, said], { expect }) => {
    expect(solution).toContain(right);
    const program = solution.replace(right, wrong);
    const { file, result } = await gradeProgram(graders, level, { name: 'box', program }, { only: ['02.1'] });
    const failed = result.checks.find(({ status }) => status === 'failed')!;
    expect(failed.mistake).toBe(slug);
    const line = program.split('\n').findIndex((text) => text.includes(wrong)) + 1;
    expect(failed.at).toEqual({ file, line });
    const evidence = failed.evidence!.join('\n');
    expect(evidence).toContain(said);
    // Nothing of how Node is built inside.
    expect(evidence).not.toMatch(/node:internal|program-loader|Node\.js v/);
  });
});

/** Level 00 on its way: the parent does not wait yet, and ends well whatever becomes of its child. */
const unwaited = (step: string): string => `import * as linux from '#linux';
import { box } from '#command-line';
box(({ command }) => {
  if (linux.fork() === 0) {
    ${step}
  }
  return 0;
});
`;

describe('what goes wrong in a child that nobody waits for', { concurrent: true }, () => {
  test.for([
    ['linux.exevp(command[0]!, command);', 'error-of-javascript', 'TypeError: linux.exevp is not a function'],
    ["throw new Error('TODO 2: become the command');", 'todo-left', 'Error: TODO 2: become the command'],
  ] as const)('%s', async ([step, slug, said], { expect }) => {
    const job = { name: 'box', program: unwaited(step) };
    const { file, result } = await gradeProgram(graders, findLevel('00')!, job, { only: ['00.1'] });
    const failed = result.checks.find(({ status }) => status === 'failed')!;
    expect(failed.mistake).toBe(slug);
    expect(failed.at).toEqual({ file, line: 5 });
    expect(failed.evidence!.join('\n')).toContain(said);
  });
});
