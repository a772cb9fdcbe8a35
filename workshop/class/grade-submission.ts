// One submission, level after level, on one worker: the same wherever the submission came from.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { checksOf } from '../checks.ts';
import { GraderFault } from '../grading/grader.ts';
import { NoTestbed } from '../grading/testbed.ts';
import { type Level, levelFile, numberedLevels } from '../levels.ts';
import type { Submission } from './submission.ts';
import type { Outcome, Verdict } from './verdict.ts';
import { type Limits, LevelStopped, type Worker } from './worker.ts';

/** Times that a level is tried before it is said that we cannot grade it. */
const TRIES = 3;

/** How a run of `grade` grades all its submissions. */
export type GradingTerms = {
  limits: Limits;
  /** Paths that no program may see, where the machine that grades has them: what was handed in, and the results. */
  hidden: string[];
  graderVersion: string;
  /** Levels that everybody has to hand in; null where any will do. */
  asked: string[] | null;
  /** Random, and known to no student: the seeds follow from it. */
  salt: string;
};

/** Grades all that a student handed in. Faults of ours become verdicts that are none. */
export async function gradeSubmission(submission: Submission, worker: Worker, terms: GradingTerms): Promise<Outcome> {
  const { student, boxes, unusable, untouched, handedIn, commit, passedAtHome } = submission;
  const started = performance.now();
  const verdicts: Verdict[] = [];
  if (submission.problem !== null) verdicts.push(none(null, 'unusable', 'intake', submission.problem));
  for (const level of numberedLevels()) {
    const text = boxes[level.name];
    const problem = unusable[level.name];
    if (text !== undefined) verdicts.push(await gradeLevel(level, text));
    else if (problem !== undefined) verdicts.push(none(level, 'unusable', 'intake', problem));
    else if (terms.asked?.includes(level.name) && submission.problem === null) {
      const reason = untouched.includes(level.name)
        ? 'its box.ts is the skeleton as it was handed out, with nothing done'
        : 'it was not handed in';
      verdicts.push(none(level, 'missing', 'intake', reason));
    }
  }
  await worker.forget();
  return { student, verdicts, handedIn, commit, passedAtHome };

  async function gradeLevel(level: Level, text: string): Promise<Verdict> {
    const begun = performance.now();
    const seed = seedOf(terms.salt, student, level);
    const reasons: string[] = [];
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const left = terms.limits.student - (performance.now() - started) / 1000;
      const durationMs = (): number => Math.round(performance.now() - begun);
      if (left <= 0) {
        const reason = `all its levels together took longer than ${terms.limits.student} seconds`;
        return { ...none(level, 'stopped', 'limit', reason), durationMs: durationMs() };
      }
      try {
        const seconds = Math.min(left, terms.limits.level);
        const result = await worker.grade({
          level,
          text,
          seed,
          seconds,
          check: terms.limits.check,
          hidden: terms.hidden,
        });
        return {
          ...none(level, result.passed ? 'passed' : 'failed', 'checks', null),
          checksPassed: result.checks.filter(({ status }) => status === 'passed').length,
          checksTotal: result.checks.length,
          durationMs: durationMs(),
          seed,
          result,
        };
      } catch (error) {
        if (error instanceof LevelStopped) {
          return { ...none(level, 'stopped', 'limit', error.message), durationMs: durationMs(), seed };
        }
        if (!(error instanceof GraderFault || error instanceof NoTestbed)) throw error;
        reasons.push(error.message);
      }
    }
    const reason = `it could not be graded, ${TRIES} times: ${reasons.at(-1)!.split('\n')[0]}`;
    return { ...none(level, 'fault', 'checks', reason), durationMs: Math.round(performance.now() - begun), seed };
  }

  function none(
    level: Level | null,
    status: Verdict['status'],
    phase: Verdict['phase'],
    reason: string | null,
  ): Verdict {
    return {
      schema: 'boxwright/grade/v1',
      student,
      level: level?.name ?? null,
      status,
      phase,
      checksPassed: 0,
      checksTotal: level === null ? 0 : checkCount(level),
      durationMs: 0,
      graderVersion: terms.graderVersion,
      reason,
      seed: null,
      result: null,
    };
  }
}

/** The outcome of somebody whom no worker could grade. */
export function notGraded(submission: Submission, terms: GradingTerms, reason: string): Outcome {
  const { student, boxes, handedIn, commit, passedAtHome } = submission;
  const verdicts = Object.keys(boxes).map((level): Verdict => ({
    schema: 'boxwright/grade/v1',
    student,
    level,
    status: 'fault',
    phase: 'checks',
    checksPassed: 0,
    checksTotal: checkCount(numberedLevels().find(({ name }) => name === level)!),
    durationMs: 0,
    graderVersion: terms.graderVersion,
    reason,
    seed: null,
    result: null,
  }));
  return { student, verdicts, handedIn, commit, passedAtHome };
}

/** Random to whoever does not know the salt, and the same when somebody is graded again. */
function seedOf(salt: string, student: string, level: Level): string {
  return createHash('sha256').update(`${salt}\0${student}\0${level.name}`).digest('hex').slice(0, 8);
}

const counts = new Map<string, number>();

/** How many checks a level has: its own, and from level 01 on one for all earlier levels. */
function checkCount(level: Level): number {
  const known = counts.get(level.name);
  if (known !== undefined) return known;
  const own = checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8')).length;
  const count = own + (level.number === '00' ? 0 : 1);
  counts.set(level.name, count);
  return count;
}
