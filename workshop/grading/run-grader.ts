// Runs a level's grader in a thread of this process, which is one of its own: see grader.ts.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { earlierOf, type Level, levelFile, levelsUpTo, solutionFile } from '../levels.ts';
import { cgroupVersion } from './cgroup-mounts.ts';
import type { Answer } from './asking.ts';
import { type Assignment, awaitAssignment } from './assignment.ts';
import { departureOf } from './departures.ts';
import { GraderFault } from './grader.ts';
import type { GradingEnd } from './grading-thread.ts';
import { NoTestbed } from './testbed.ts';
import type { CheckResult, GradeResult, Target } from './result.ts';

/** What is to be graded. */
export type GraderJob = {
  level: Level;
  target: Target;
  /** The box.ts to grade, for the target `file`. */
  file?: string | undefined;
  /** What the grader's random choices follow from. */
  seed?: string | undefined;
  /**
   * The only checks that are asked, with those that they need: these ids, or the level's own. That is quicker: what fails
   * fails; but who passes has not passed the level, and of checks that were not asked nothing is known.
   */
  only?: Assignment['only'];
};

/**
 * Grades a level.
 *
 * @throws GraderFault where the grader broke, and nothing can be said of the program
 * @throws NoTestbed where this machine refused a testbed
 */
export async function runGrader({
  level,
  target,
  file,
  seed = randomBytes(4).toString('hex'),
  only,
}: GraderJob): Promise<GradeResult> {
  const started = performance.now();
  const graders = levelsUpTo(level).map((each) => levelFile(each, 'grade.test.ts'));
  const assignment = { file: file ?? fileOf(level, target), level: level.name, graders, only, seed };
  const answers = await grading(assignment).catch((error: Error) => {
    throw error instanceof NoTestbed ? error : new GraderFault(`${error.stack ?? error.message} (seed ${seed})`);
  });
  if (answers.length === 0) throw new GraderFault(`the grader has no checks (seed ${seed})`);

  const checksOf = (earlier: boolean): CheckResult[] =>
    answers.filter((answer) => answer.earlier === earlier).map(({ check }) => check);
  const checks = [...stillPassing(level, checksOf(true), checksOf(false)), ...checksOf(false)];
  return {
    schema: 'boxwright/check/v1',
    level: level.name,
    target,
    passed: checks.every((check) => check.status === 'passed'),
    cgroup: cgroupVersion(),
    durationMs: Math.round(performance.now() - started),
    checks,
    leftovers: [...new Set(answers.flatMap(({ leftovers }) => leftovers))],
  };
}

/** The thread of the next grading. */
let ready: Worker | null = null;

/** Begins to load what every grading needs, for the next one. */
export function readyThread(): Worker {
  awaitAssignment();
  ready ??= new Worker(path.join(import.meta.dirname, 'grading-thread.ts'));
  return ready;
}

/** What the checks say. @throws NoTestbed, and an Error where a grader broke */
async function grading(assignment: Assignment): Promise<Answer[]> {
  const thread = readyThread();
  ready = null;
  const gone = once(thread, 'exit').catch(() => {});
  thread.postMessage(assignment);
  const said = await Promise.race([once(thread, 'message') as Promise<[GradingEnd]>, gone]);
  // Until then it removes testbeds.
  await gone;
  if (!Array.isArray(said)) throw new Error('the thread that grades ended without a word');
  const [end] = said;
  if ('refused' in end) throw new NoTestbed(end.refused);
  return end.answers;
}

/**
 * The checks of earlier levels as one. It fails as the first failing one does, unless this level's own checks explain
 * it: where a new step goes wrong, much of what worked before does not come to pass either.
 */
function stillPassing(level: Level, earlier: CheckResult[], own: CheckResult[]): CheckResult[] {
  const before = levelsUpTo(level).at(-2);
  if (before === undefined) return [];
  const id = earlierOf(level);
  const levels = before.number === '00' ? 'level 00' : `levels 00-${before.number}`;
  const note = departureOf(level.number)?.note;
  const title = `${levels}: still passing${note === undefined ? '' : ` (${note})`}`;
  const failed = earlier.find(({ status }) => status === 'failed');
  if (failed === undefined) return [{ id, title, status: 'passed' }];
  const ownFailure = own.find(({ status }) => status === 'failed');
  const explained = ownFailure !== undefined && (ownFailure.mistake !== null || failed.mistake === null);
  if (explained) return [{ id, title, status: 'blocked' }];
  return [{ ...failed, id, title: `${levels}: ${failed.id} no longer passes (${failed.title})` }];
}

/** Which box.ts is graded where no other file is named. */
export function fileOf(level: Level, target: Target): string {
  return target === 'solution' ? solutionFile(level) : levelFile(level, 'box.ts');
}
