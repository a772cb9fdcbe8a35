// What becomes of each level of each student: the lines of results.jsonl, from which everything else is made.
import type { GradeResult } from '../grading/result.ts';

/**
 * passed and failed are verdicts. unusable: what was handed in cannot be graded; missing: a level that was asked for is
 * not there; stopped: it took longer than a level or a student may. fault: we could not grade it, which says nothing of
 * the program and is never a score.
 */
export type VerdictStatus = 'passed' | 'failed' | 'unusable' | 'missing' | 'stopped' | 'fault';

/** How far it came: into our hands, to its checks, to a limit. */
export type Phase = 'intake' | 'checks' | 'limit';

/** One level of one student. */
export type Verdict = {
  schema: 'boxwright/grade/v1';
  student: string;
  /** null where the whole entry is of no use. */
  level: string | null;
  status: VerdictStatus;
  phase: Phase;
  checksPassed: number;
  checksTotal: number;
  durationMs: number;
  graderVersion: string;
  /** Why there is no verdict, in one sentence; null where there is one. */
  reason: string | null;
  /** What the grader's random choices follow from: `npm run check LEVEL -- --file box.ts --seed SEED`. */
  seed: string | null;
  /** As `check --json` gives it; null where no check was run. */
  result: GradeResult | null;
};

/** All that there is to say of one student. */
export type Outcome = {
  student: string;
  verdicts: Verdict[];
  /** See Submission. */
  handedIn: string;
  commit: string | null;
  /** See Submission.passedAtHome. */
  passedAtHome: Record<string, string>;
};
