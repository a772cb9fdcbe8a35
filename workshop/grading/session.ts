// Grading as a command does it: the machine made ready, the verdict shown and kept, and nothing left on a signal.
import { needStarter } from '../cli/starter.ts';
import { endOnSignals, exitStatus, needBusybox, notReady } from '../cli/command.ts';
import type { Level } from '../levels.ts';
import { ProgressUnusable, recordResult } from '../progress.ts';
import { fillCompileCache } from './compile-cache.ts';
import { GraderFault, openGrader } from './grader.ts';
import type { GradeResult } from './result.ts';
import { fileOf, type GraderJob } from './run-grader.ts';
import { NoTestbed, sweepTestbeds } from './testbed.ts';

/** Close it, or declare it with `await using`. */
export type GradingSession = AsyncDisposable & {
  /** Grades, and keeps the verdict where it is about the student's own program. @throws as Grader.grade */
  grade(job: GraderJob): Promise<GradeResult>;
};

/**
 * Opens a session: starts a grader, removes what a killed run left, and builds the image where it is missing.
 *
 * @param yes builds it without asking
 * @throws NotReady where it cannot be built
 */
export async function openSession({ yes }: { yes: boolean }): Promise<GradingSession> {
  // First: until it is ready, there is time for everything else.
  const grader = openGrader();
  endOnSignals(async () => {
    // The grader first: it would open the next testbed while we remove this one.
    await grader.close();
    await sweepTestbeds(process.pid);
  });
  try {
    for (const swept of await sweepTestbeds()) {
      process.stderr.write(
        `Swept what a killed run left: testbed ${swept.id} (${swept.processes} processes, ${swept.cgroups} cgroups)\n`,
      );
    }
    await needBusybox(yes);
  } catch (error) {
    await grader.close();
    throw error;
  }
  return {
    async grade(job) {
      needStarter(job.level);
      await fillCompileCache(job.file ?? fileOf(job.level, job.target));
      const result = await grader.grade(job);
      if (job.target === 'student') keep(result);
      return result;
    },
    [Symbol.asyncDispose]: () => grader.close(),
  };
}

/** A verdict as a person reads it on this terminal. */
export async function shown(level: Level, result: GradeResult, plain: boolean): Promise<string> {
  const { report, wordsOf } = await import('./report.ts');
  const style = { plain: plain || process.env['NO_COLOR'] !== undefined, columns: process.stdout.columns ?? 80 };
  return report(result, style, wordsOf(level));
}

/** The verdict stands, also where it cannot be remembered. */
function keep(result: GradeResult): void {
  try {
    recordResult(result);
  } catch (error) {
    if (!(error instanceof ProgressUnusable)) throw error;
    process.stderr.write(`Not kept: ${error.message}\n`);
  }
}

/** The main part of a command that grades, whose refusals and faults are said as what they are. */
export function explaining(main: (argv: string[]) => Promise<number>): (argv: string[]) => Promise<number> {
  return async (argv) => {
    try {
      return await main(argv);
    } catch (error) {
      if (error instanceof NoTestbed) throw notReady(error);
      if (!(error instanceof GraderFault)) throw error;
      await sweepTestbeds(process.pid);
      process.stderr.write(`The grader itself broke; this says nothing about your program: ${error.message}\n`);
      return exitStatus.fault;
    }
  };
}
