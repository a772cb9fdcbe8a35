// What grades one level of one submission at a time: on this machine, or in a virtual machine.
import type { GradeResult } from '../grading/result.ts';
import type { Level } from '../levels.ts';

/** What a submission is given. */
export type Limits = {
  /** Seconds of doing nothing, and half as many of computing, for each run of a program. */
  check: number;
  /** Seconds for a level, by the clock. */
  level: number;
  /** Seconds for all levels of a student, by the clock. */
  student: number;
};

/** What people get who do not ask for others. */
export const usualLimits: Limits = { check: 10, level: 600, student: 3600 };

/** A level took longer than it may. */
export class LevelStopped extends Error {
  override name = 'LevelStopped';
}

/** One box.ts to grade. */
export type WorkerJob = {
  level: Level;
  /** The program. */
  text: string;
  seed: string;
  /** How long it may take, by the clock. */
  seconds: number;
  /** See Limits and GradingTerms. */
  check: number;
  hidden: readonly string[];
};

/** Grades programs of one student after the other. Close it, or declare it with `await using`. */
export type Worker = AsyncDisposable & {
  /**
   * Grades one box.ts. The paths in what comes back are those of the student's own checkout. Once the worker is closed, it
   * begins nothing, and whoever asks it waits for ever.
   *
   * @throws LevelStopped after that time
   * @throws GraderFault, NoTestbed where nothing can be said of the program; the next job finds the worker as new
   */
  grade(job: WorkerJob): Promise<GradeResult>;
  /** Removes every trace of the student whose programs were graded last. */
  forget(): Promise<void>;
};
