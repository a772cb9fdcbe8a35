// What a grading comes to: the JSON of `check --json`, and what every report is made from.

/** passed; failed; or blocked: not looked at, since a check that it needs has failed. */
export type CheckStatus = 'passed' | 'failed' | 'blocked';

/** A line of a file, relative to the checkout where it lies in it. */
export type Location = { file: string; line: number };

/** The outcome of one check. The fields after `status` are there where it failed. */
export type CheckResult = {
  id: string;
  title: string;
  status: CheckStatus;
  /** The misconception behind a failure, or null where none of the known ones fits. */
  mistake?: string | null;
  /** The command that was run, as one would type it after `box --`. */
  tried?: string;
  expected?: string;
  actual?: string;
  /** What the failure means. */
  why?: string;
  at?: Location | null;
  evidence?: string[];
  /** The manual page to read: `fork(2)`. */
  read?: string;
  /** The command that shows the failure again. */
  reproduce?: string;
  /** The command that gives the next hint. */
  next?: string;
};

/** Whose box.ts was graded. */
export type Target = 'student' | 'solution' | 'file';

/** The outcome of one grading. */
export type GradeResult = {
  schema: 'boxwright/check/v1';
  level: string;
  target: Target;
  passed: boolean;
  /** The cgroup version that the machine has for the course's controllers. */
  cgroup: 'v2' | 'v1' | 'none';
  durationMs: number;
  checks: CheckResult[];
  /** What had to be swept from the testbeds after the program had ended. */
  leftovers: string[];
};
