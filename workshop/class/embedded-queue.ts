// The queue within one process: submissions wait for the next worker that is free.
import PQueue from 'p-queue';
import { gradeSubmission, type GradingTerms } from './grade-submission.ts';
import type { GradingQueue } from './queue.ts';
import type { Outcome } from './verdict.ts';
import type { Worker } from './worker.ts';

/** Opens it. The workers stay the caller's to close. @param keep is given each outcome */
export function openEmbeddedQueue(
  workers: readonly Worker[],
  terms: GradingTerms,
  keep: (outcome: Outcome) => void,
): GradingQueue {
  const queue = new PQueue({ concurrency: workers.length });
  const free = [...workers];
  let failure: Error | null = null;

  function needNoFailure(): void {
    if (failure !== null) throw failure;
  }

  return {
    async put(submission) {
      needNoFailure();
      const done = queue.add(async () => {
        const worker = free.pop()!;
        keep(await gradeSubmission(submission, worker, terms));
        free.push(worker);
      });
      done.catch((error: Error) => {
        failure ??= error;
        queue.clear();
      });
      // Only one waits: what is handed in is read when there is a worker for it.
      await queue.onSizeLessThan(1);
    },
    async drained() {
      await queue.onIdle();
      needNoFailure();
    },
    state: () => '',
    async [Symbol.asyncDispose]() {
      queue.clear();
    },
  };
}
