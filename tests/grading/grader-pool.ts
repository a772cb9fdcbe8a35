// Graders that are ready, as `grade` has them, for whoever has many programs to grade.
import pLimit from 'p-limit';
import { endOnSignals, needBusybox } from '../../workshop/cli/command.ts';
import { type Grader, GraderFault, openGrader } from '../../workshop/grading/grader.ts';
import type { GradeResult } from '../../workshop/grading/result.ts';
import type { GraderJob } from '../../workshop/grading/run-grader.ts';
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
