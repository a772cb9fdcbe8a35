// Whose fault it is when submissions cannot be graded: that of this machine, or of programs that are meant to break us.
import fs from 'node:fs';
import { numberedLevels, solutionFile } from '../levels.ts';
import type { GradingTerms } from './grade-submission.ts';
import { hasFault } from './journal.ts';
import type { Outcome } from './verdict.ts';
import type { Worker } from './worker.ts';

/** Submissions in a row that cannot be graded, after which a program is graded that we know to be right. */
const FAULTS_IN_A_ROW = 5;

/** Looks at each outcome. */
export type FaultCounter = {
  /** Whether this machine can still grade, as far as anybody knows. Where it asks, it asks the worker. */
  stillGrades(outcome: Outcome, worker: Worker, terms: GradingTerms): Promise<boolean>;
};

export function openFaultCounter(): FaultCounter {
  let faults = 0;
  return {
    async stillGrades(outcome, worker, terms) {
      faults = hasFault(outcome) ? faults + 1 : 0;
      if (faults < FAULTS_IN_A_ROW) return true;
      faults = 0;
      const level = numberedLevels()[0]!;
      const text = fs.readFileSync(solutionFile(level), 'utf8');
      try {
        const { limits, hidden } = terms;
        const job = { level, text, seed: 'known', seconds: limits.level, check: limits.check, hidden };
        return (await worker.grade(job)).passed;
      } catch {
        return false;
      } finally {
        await worker.forget();
      }
    },
  };
}
