// The queue within one process: submissions wait for the next worker that is free.
import PQueue from 'p-queue';
import { NotReady } from '../cli/command.ts';
import { openFaultCounter } from './fault-counter.ts';
import { gradeSubmission, type GradingTerms } from './grade-submission.ts';
import type { GradingQueue } from './queue.ts';
import type { Submission } from './submission.ts';
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
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});
  let closed = false;

  /** Waits for something, but not where a submission failed meanwhile: others may be graded for long. */
  async function unlessFailed(something: Promise<void>): Promise<void> {
    if (closed) await new Promise(() => {});
    await Promise.race([failed, something]);
    if (closed) await new Promise(() => {});
  }

  async function grade(submission: Submission): Promise<void> {
    const worker = free.pop()!;
    const outcome = await gradeSubmission(submission, worker, terms);
    if (closed) return;
    keep(outcome);
    if (!(await faults.stillGrades(outcome, worker, terms))) {
      throw new NotReady('this machine cannot grade a right program any more: see "npm run doctor", then --resume');
    }
    free.push(worker);
  }

  return {
    async put(submission) {
      await unlessFailed(Promise.resolve());
      void queue.add(async () => {
        try {
          await grade(submission);
        } catch (error) {
          // Before the queue hears that this one is done: whoever waits for all must not take it for the end.
          fail(error);
          queue.clear();
        }
      });
      // Only one waits: what is handed in is read when there is a worker for it.
      await unlessFailed(queue.onSizeLessThan(1));
    },
    async drained() {
      await unlessFailed(queue.onIdle());
    },
    state: () => '',
    async [Symbol.asyncDispose]() {
      closed = true;
      queue.clear();
    },
  };
}
