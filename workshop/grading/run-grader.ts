// Runs a level's grader with vitest, in this process, which is one of its own: see grader.ts.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { type Level, levelFile, levelsUpTo, solutionFile } from '../levels.ts';
import { dataDirectory, workshopRoot } from '../paths.ts';
import { cgroupVersion } from './cgroup-mounts.ts';
import type { Answer } from './asking.ts';
import { type Assignment, setAssignment } from './assignment.ts';
import { departureOf } from './departures.ts';
import { gatherEvidence } from './evidence.ts';
import { GraderFault } from './grader.ts';
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
 * @param options.vitest whether vitest asks the checks. It is the quicker way for many programs to do without: the checks
 *   are asked where their evidence is gathered
 * @throws GraderFault where the grader broke, and nothing can be said of the program
 * @throws NoTestbed where this machine refused a testbed
 */
export async function runGrader(
  { level, target, file, seed = randomBytes(4).toString('hex'), only }: GraderJob,
  options: { vitest: boolean },
): Promise<GradeResult> {
  const started = performance.now();
  const graders = levelsUpTo(level).map((each) => levelFile(each, 'grade.test.ts'));
  const askedThere = !options.vitest;
  setAssignment({ file: file ?? fileOf(level, target), level: level.name, graders, only, askedThere, seed });
  const broke = (message: string): GraderFault => new GraderFault(`${message} (seed ${seed})`);
  await using gathering = gatherEvidence();
  const asked = askedThere ? null : await answersOfVitest();
  const end = await gathering.end.catch((error: Error) => {
    throw error instanceof NoTestbed ? error : broke(error.stack ?? error.message);
  });
  if (asked !== null && asked.faults.length > 0) throw broke(asked.faults[0]!.message);
  const answers = asked?.answers ?? (end as Answer[]);
  if (answers.length === 0) throw broke('the grader has no checks');

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

/** Runs vitest, and returns what the checks say; and what broke in them. */
async function answersOfVitest(): Promise<{ answers: Answer[]; faults: Fault[] }> {
  const { startVitest } = await import('vitest/node');
  const modules: TestModule[] = [];
  const faults: Fault[] = [];
  const collect: Reporter = {
    onTestRunEnd(finished, errors) {
      modules.push(...finished);
      faults.push(...errors);
    },
  };
  // Not in node_modules, where root's files would be in the way of the owner's next "npm ci". Each checkout has its own:
  // vitest empties it where another version of its packages has been, also while somebody reads it.
  const checkout = createHash('sha256').update(workshopRoot).digest('hex').slice(0, 12);
  const cache = path.join(dataDirectory(), 'cache', 'graders', checkout);
  const vitest = await startVitest(
    'test',
    [],
    {
      root: workshopRoot,
      config: false,
      cache: false,
      fsModuleCache: madeFolder(cache),
      fsModuleCachePath: cache,
      include: ['workshop/grading/graders.test.ts'],
      watch: false,
      pool: 'threads',
      isolate: false,
      fileParallelism: false,
      reporters: [collect],
    },
    { cacheDir: cache },
  );
  await vitest.close();
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  for (const module of modules) faults.push(...module.errors());
  faults.push(...tests.flatMap(faultOf));
  return { answers: tests.flatMap((test) => test.meta().answer ?? []), faults };
}

/**
 * The checks of earlier levels as one. It fails as the first failing one does, unless this level's own checks explain
 * it: where a new step goes wrong, much of what worked before does not come to pass either.
 */
function stillPassing(level: Level, earlier: CheckResult[], own: CheckResult[]): CheckResult[] {
  const before = levelsUpTo(level).at(-2);
  if (before === undefined) return [];
  const id = `${level.number}.0`;
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

/** Makes the folder; false where it cannot be made, which only costs time. */
function madeFolder(folder: string): boolean {
  try {
    fs.mkdirSync(folder, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** Which box.ts is graded where no other file is named. */
export function fileOf(level: Level, target: Target): string {
  return target === 'solution' ? solutionFile(level) : levelFile(level, 'box.ts');
}

type Fault = { message: string };

/** Errors of a test other than its check's not holding. */
function faultOf(test: TestCase): Fault[] {
  const { state, errors } = test.result();
  if (state === 'failed') {
    return (errors ?? [])
      .filter(({ name }) => name !== 'CheckFailed')
      .map(({ message, stack }) => ({ message: stack ?? message }));
  }
  return test.meta().answer === undefined ? [{ message: `the check "${test.name}" was not run` }] : [];
}
