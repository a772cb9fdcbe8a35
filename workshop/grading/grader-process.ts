// The process in which vitest runs a grader. It gets one job after another from `openGrader` and answers each.
//
// It begins to load vitest at once, while the command that started it still gets the machine ready.
import { flushCompileCache } from 'node:module';
import type { GradeResult } from './result.ts';
import { GraderFault, ownsTestbeds, withoutVitest } from './grader.ts';
import { type GraderJob, runGrader } from './run-grader.ts';
import { NoTestbed, ownerVariable } from './testbed.ts';

/** What comes back for a job: a result, or why there is none. */
export type GraderAnswer = { kind: 'result'; result: GradeResult } | { kind: 'no-testbed' | 'fault'; message: string };

const vitest = process.argv[2] !== withoutVitest;
if (process.env[ownerVariable] === ownsTestbeds) process.env[ownerVariable] = String(process.pid);

process.on('message', async (job: GraderJob) => {
  process.send!(await answer(job));
  // Now, for this process is ended by a signal.
  flushCompileCache();
});
// The command ended without a word: nobody waits for an answer, and nobody would remove what we go on to make.
process.on('disconnect', () => process.exit());

async function answer(job: GraderJob): Promise<GraderAnswer> {
  try {
    return { kind: 'result', result: await runGrader(job, { vitest }) };
  } catch (error) {
    if (error instanceof NoTestbed) return { kind: 'no-testbed', message: error.message };
    if (error instanceof GraderFault) return { kind: 'fault', message: error.message };
    return { kind: 'fault', message: error instanceof Error ? error.stack! : String(error) };
  }
}

if (vitest) {
  // A job that has been sent already begins with what does not need it.
  await new Promise(setImmediate);
  await import('vitest/node');
}
