// The queue within one process: submissions wait for the next worker that is free.
import PQueue from 'p-queue';
import { NotReady } from '../cli/command.ts';
import { openFaultCounter } from './fault-counter.ts';
import { gradeSubmission, type GradingTerms } from './grade-submission.ts';
import type { GradingQueue } from './queue.ts';
import type { Outcome } from './verdict.ts';
import type { Worker } from './worker.ts';

/**
 * Opens it. Once it is closed, nothing comes out of it any more, and whoever waits for it waits for ever. The workers
 * stay the caller's to close.
 *
 * @param keep is given each outcome
 */
export function openEmbeddedQueue(
  workers: readonly Worker[],
  terms: GradingTerms,
  keep: (outcome: Outcome) => void,
): GradingQueue {
  const queue = new PQueue({ concurrency: workers.length });
  const free = [...workers];
  const faults = openFaultCounter();
  let failure: Error | null = null;
  let closed = false;

  async function goOn(): Promise<void> {
    if (closed) await new Promise(() => {});
    if (failure !== null) throw failure;
  }

  return {
    async put(submission) {
      await goOn();
      const done = queue.add(async () => {
        const worker = free.pop()!;
        const outcome = await gradeSubmission(submission, worker, terms);
        if (closed) return;
        keep(outcome);
        if (!(await faults.stillGrades(outcome, worker, terms))) {
          throw new NotReady('this machine cannot grade a right program any more: see "npm run doctor", then --resume');
        }
        free.push(worker);
      });
      done.catch((error: Error) => {
        if (closed || failure !== null) return;
        failure = error;
        queue.clear();
      });
      // Only one waits: what is handed in is read when there is a worker for it.
      await queue.onSizeLessThan(1);
      await goOn();
    },
    async drained() {
      await queue.onIdle();
      await goOn();
    },
    state: () => '',
    async [Symbol.asyncDispose]() {
      closed = true;
      queue.clear();
    },
  };
}
