// The other end of the queue between machines: takes submissions out, and lets workers of this machine grade them.
import { type Job, Worker as QueueEnd } from 'bullmq';
import { openFaultCounter } from './fault-counter.ts';
import { gradeSubmission } from './grade-submission.ts';
import { hasFault } from './journal.ts';
import { ATTEMPTS, connectTo, type QueuedWork, queueName } from './redis-queue.ts';
import type { Outcome } from './verdict.ts';
import type { Worker } from './worker.ts';

/** Times that a submission may lose its worker: more than machines die by chance. */
const LOST_WORKERS = 10;

/** What takes work out of a queue. */
export type QueueWorker = {
  /** Comes when this machine cannot grade any more. */
  readonly broken: Promise<void>;
  /** Takes nothing more, and comes back when all that was begun is finished. */
  finish(): Promise<void>;
};

/**
 * Begins to take work.
 *
 * @param workers grade it, one submission at a time each; they stay the caller's to close
 * @param options.lock milliseconds without a sign of life after which what we have is given to another one
 * @param options.say is told what a person should know
 */
export function openQueueWorker(
  url: string,
  workers: readonly Worker[],
  options: { graderVersion: string; lock: number; say: (line: string) => void },
): QueueWorker {
  const free = [...workers];
  const redis = connectTo(url, (message) => options.say(`Redis is away: ${message}`));
  const broken = Promise.withResolvers<void>();
  const faults = openFaultCounter();

  async function grade({ data, attemptsMade }: Job<QueuedWork, Outcome>): Promise<Outcome> {
    const worker = free.pop()!;
    try {
      const outcome = await gradeSubmission(data.submission, worker, data.terms);
      if (!(await faults.stillGrades(outcome, worker, data.terms))) broken.resolve();
      // Another machine may be able to.
      if (hasFault(outcome) && attemptsMade + 1 < ATTEMPTS) {
        throw new Error(outcome.verdicts.find(({ status }) => status === 'fault')!.reason!);
      }
      return outcome;
    } finally {
      free.push(worker);
    }
  }

  const end = new QueueEnd<QueuedWork, Outcome>(queueName(options.graderVersion), grade, {
    connection: redis,
    concurrency: workers.length,
    lockDuration: options.lock,
    stalledInterval: options.lock,
    maxStalledCount: LOST_WORKERS,
  });
  end.on('error', () => {
    // Redis is away, which was said; or what we had was given to another one meanwhile, whose outcome counts.
  });
  end.on('ready', () => options.say('Ready for work.'));
  return {
    broken: broken.promise,
    async finish() {
      // BullMQ would wait for a Redis that may never come.
      const holdsNothing = free.length === workers.length;
      if (holdsNothing && redis.status !== 'ready') return;
      await end.close();
    },
  };
}
