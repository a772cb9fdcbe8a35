// Runs a level's grader with vitest, in this process: the student's program runs in processes of its own.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { type Level, levelFile, solutionFile } from '../levels.ts';
import { dataDirectory, workshopRoot } from '../paths.ts';
import { cgroupVersion } from './cgroup-mounts.ts';
import { ownerVariable } from './testbed.ts';
import type { CheckResult, GradeResult, Target } from './result.ts';

/** The grader itself broke: no verdict. */
export class GraderFault extends Error {
  override name = 'GraderFault';
}

/**
 * Grades a level.
 *
 * @param file the box.ts to grade, for the target `file`
 * @param seed what the grader's random choices follow from
 * @throws GraderFault where the grader broke, and nothing can be said of the program
 */
export async function runGrader(
  level: Level,
  target: Target,
  { file, seed = randomBytes(4).toString('hex') }: { file?: string; seed?: string } = {},
): Promise<GradeResult> {
  const started = performance.now();
  const { startVitest } = await import('vitest/node');
  const modules: TestModule[] = [];
  const faults: string[] = [];
  const collect: Reporter = {
    onTestRunEnd(finished, errors) {
      modules.push(...finished);
      faults.push(...errors.map(({ message }) => message));
    },
  };
  const status = process.exitCode;
  process.env[ownerVariable] = String(process.pid);
  // Not in node_modules, where root's files would be in the way of the owner's next "npm ci".
  const cache = path.join(dataDirectory(), 'cache', 'vitest');
  const vitest = await startVitest(
    'test',
    [],
    {
      root: workshopRoot,
      config: false,
      cache: false,
      fsModuleCache: madeFolder(cache),
      fsModuleCachePath: cache,
      include: [path.relative(workshopRoot, levelFile(level, 'grade.test.ts'))],
      watch: false,
      pool: 'forks',
      isolate: false,
      fileParallelism: false,
      reporters: [collect],
      provide: { file: file ?? fileOf(level, target), seed },
    },
    { cacheDir: cache },
  );
  await vitest.close();
  // vitest sets it where tests fail; what it is to be is the command's decision.
  process.exitCode = status;

  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  for (const module of modules) faults.push(...module.errors().map(({ message }) => message));
  faults.push(...tests.flatMap(faultOf));
  if (tests.length === 0 && faults.length === 0) faults.push('the grader has no checks');
  if (faults.length > 0) throw new GraderFault(`${faults[0]} (seed ${seed})`);

  const checks = tests.map((test) => test.meta().check as CheckResult);
  return {
    schema: 'boxwright/check/v1',
    level: level.name,
    target,
    passed: checks.every((check) => check.status === 'passed'),
    cgroup: cgroupVersion(),
    durationMs: Math.round(performance.now() - started),
    checks,
    leftovers: [...new Set(tests.flatMap((test) => test.meta().leftovers ?? []))],
  };
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

/** Errors of a test other than its check's not holding. */
function faultOf(test: TestCase): string[] {
  const { state, errors } = test.result();
  if (state === 'failed') {
    return (errors ?? []).filter(({ name }) => name !== 'CheckFailed').map((error) => error.stack ?? error.message);
  }
  return test.meta().check === undefined ? [`the check "${test.name}" was not run`] : [];
}
