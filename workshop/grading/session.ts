// Grading as a command does it: the machine made ready, the verdict shown and kept, and nothing left on a signal.
import { exitStatus, needBusybox, withoutTestbed } from '../cli/command.ts';
import { allLevels, type Level, spoken } from '../levels.ts';
import { ProgressUnusable, recordResult } from '../progress.ts';
import { fillCompileCache } from './compile-cache.ts';
import { type Grader, GraderFault, openGrader } from './grader.ts';
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
  endOnSignal(grader);
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
  const { report } = await import('./report.ts');
  const levels = allLevels();
  const next = levels[levels.findIndex(({ name }) => name === level.name) + 1];
  const style = { plain: plain || process.env['NO_COLOR'] !== undefined, columns: process.stdout.columns ?? 80 };
  return report(result, style, {
    command: `npm run check ${spoken(level)}`,
    nextLevel: next === undefined ? null : spoken(next),
    lesson: `levels/${level.name}/README.md`,
    file: `levels/${level.name}/box.ts`,
  });
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

/** Signals that ask a command to end, by number: its status is then 128 and that. See signal(7). */
const endingSignals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Makes those signals end this command with nothing left: no process, no testbed, no verdict. */
function endOnSignal(grader: Grader): void {
  let ending = false;
  const end = async (status: number): Promise<void> => {
    if (ending) return;
    ending = true;
    process.stderr.write('\nInterrupted.\n');
    // The grader first: it would open the next testbed while we remove this one.
    await grader.close();
    await sweepTestbeds(process.pid);
    process.exit(status);
  };
  for (const [name, number] of Object.entries(endingSignals)) process.on(name, () => void end(128 + number));
}

/** The main part of a command that grades, whose refusals and faults are said as what they are. */
export function explaining(main: (argv: string[]) => Promise<number>): (argv: string[]) => Promise<number> {
  return async (argv) => {
    try {
      return await main(argv);
    } catch (error) {
      if (error instanceof NoTestbed) throw withoutTestbed(error);
      if (!(error instanceof GraderFault)) throw error;
      await sweepTestbeds(process.pid);
      process.stderr.write(`The grader itself broke; this says nothing about your program: ${error.message}\n`);
      return exitStatus.fault;
    }
  };
}
