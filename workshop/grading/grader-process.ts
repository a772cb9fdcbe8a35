// The process of a grader. It gets one job after another from `openGrader` and answers each.
import { flushCompileCache } from 'node:module';
import type { GradeResult } from './result.ts';
import { GraderFault, ownsTestbeds } from './grader.ts';
import { type GraderJob, readyThread, runGrader } from './run-grader.ts';
import { NoTestbed, ownerVariable } from './testbed.ts';

/** What comes back for a job: a result, or why there is none. */
export type GraderAnswer = { kind: 'result'; result: GradeResult } | { kind: 'no-testbed' | 'fault'; message: string };

if (process.env[ownerVariable] === ownsTestbeds) process.env[ownerVariable] = String(process.pid);

process.on('message', async (job: GraderJob) => {
  process.send!(await answer(job));
  // Now, for this process is ended by a signal.
  flushCompileCache();
  readyThread();
});
readyThread();
// The command ended without a word: nobody waits for an answer, and nobody would remove what we go on to make.
process.on('disconnect', () => process.exit());

async function answer(job: GraderJob): Promise<GraderAnswer> {
  try {
    return { kind: 'result', result: await runGrader(job) };
  } catch (error) {
    if (error instanceof NoTestbed) return { kind: 'no-testbed', message: error.message };
    if (error instanceof GraderFault) return { kind: 'fault', message: error.message };
    return { kind: 'fault', message: error instanceof Error ? error.stack! : String(error) };
  }
}
