// What stands between reading what was handed in, and grading it.
import type { Submission } from './submission.ts';

/** Submissions go in here; each comes out as one outcome, graded by some worker somewhere. */
export type GradingQueue = AsyncDisposable & {
  /** Puts a submission in, and comes back when there is room for the next one. */
  put(submission: Submission): Promise<void>;
  /** Comes back when all that was put in has come out. */
  drained(): Promise<void>;
  /** What a person should know of it besides how far it is; empty where there is nothing. */
  state(): string;
};
