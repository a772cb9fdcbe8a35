// Graders that are ready, as `grade` has them, for whoever has many programs to grade.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pLimit from 'p-limit';
import { endOnSignals, needBusybox } from '../../workshop/cli/command.ts';
import { type Grader, GraderFault, openGrader } from '../../workshop/grading/grader.ts';
import type { GradeResult } from '../../workshop/grading/result.ts';
import type { GraderJob } from '../../workshop/grading/run-grader.ts';
import type { Level } from '../../workshop/levels.ts';
import { NoTestbed, sweepTestbeds } from '../../workshop/grading/testbed.ts';

/** Grades as many programs at a time as it has graders. Close it, or declare it with `await using`. */
export type GraderPool = AsyncDisposable & {
  /** Grades; or says why there is no verdict, which is a fault of ours. */
  grade(job: GraderJob): Promise<GradeResult | { fault: string }>;
};

/** Starts that many graders. */
export function openGraders(count: number): GraderPool {
  const open = (): Grader => openGrader();
  const idle = Array.from({ length: count }, open);
  const limit = pLimit(count);
  return {
    grade: (job) =>
      limit(async () => {
        const grader = idle.pop()!;
        try {
          const result = await grader.grade(job);
          idle.push(grader);
          return result;
        } catch (error) {
          if (!(error instanceof GraderFault) && !(error instanceof NoTestbed)) throw error;
          await grader.close();
          idle.push(open());
          return { fault: error.message };
        }
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all(idle.map((grader) => grader.close()));
    },
  };
}

/** The same for a command: with the image, and with nothing left on Ctrl-C. */
export async function openGradersOfCommand(count: number): Promise<GraderPool> {
  const graders = openGraders(count);
  endOnSignals(async () => {
    await graders[Symbol.asyncDispose]();
    await sweepTestbeds(process.pid);
  });
  await needBusybox(true);
  return graders;
}

/**
 * Grades a program as a file of its own, which is there as long as that takes.
 *
 * @param how the seed of what the grader chooses by chance, which is another each time without one; and the only checks
 *   that are asked, all without them
 * @throws Error where there is no verdict
 */
export async function gradeProgram(
  graders: GraderPool,
  level: Level,
  { name, program }: { name: string; program: string },
  how: Pick<GraderJob, 'seed' | 'only'> = {},
): Promise<{ file: string; result: GradeResult }> {
  using folder = fs.mkdtempDisposableSync(path.join(os.tmpdir(), 'boxwright-mistake-'));
  const file = writeProgram({ name, program }, folder.path);
  const result = await graders.grade({ level, target: 'file', file, ...how });
  if ('fault' in result) throw new Error(`no verdict on ${name}: ${result.fault}`);
  return { file, result };
}

/** Writes a program, whose name may begin with its level's, as a file into a directory, and returns the file's path. */
export function writeProgram({ name, program }: { name: string; program: string }, directory: string): string {
  // Those of bonus-rootless are started by an ordinary user.
  fs.chmodSync(directory, 0o755);
  const file = path.join(directory, `${path.basename(name)}.ts`);
  fs.writeFileSync(file, program);
  return file;
}
