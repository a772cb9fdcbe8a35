// The queue between machines: BullMQ on Redis. `grade --queue` puts submissions in and takes outcomes out; any number
// of `grade:worker` grade them.
//
// BullMQ sees to it that a submission whose worker is gone goes to another one, and that only the worker that holds it
// can finish it. Redis may lose what it has, though, and may be gone for a while. So whoever put a submission in asks
// after each of them until its outcome is in the journal, and puts it in again where Redis knows nothing of it. It is
// the journal that makes it once: a second outcome for the same student is dropped.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { counted } from './counted.ts';
import { type GradingTerms, notGraded } from './grade-submission.ts';
import type { GradingQueue } from './queue.ts';
import type { Submission } from './submission.ts';
import type { Outcome } from './verdict.ts';

/** What a worker is given. */
export type QueuedWork = { submission: Submission; terms: GradingTerms };

/** Times that a submission is tried on some machine, where it cannot be graded. */
export const ATTEMPTS = 3;
/** Milliseconds before the second one; twice as many before the third. */
const BACKOFF = 2000;
/** Seconds for which Redis keeps an outcome that nobody comes for. */
const KEPT = 30 * 24 * 3600;
/** Milliseconds between two rounds of asking. */
const INTERVAL = 250;
/** Submissions that are in Redis at a time: so many, and besides two for each that is being graded. */
const WAITING = 64;

/** The queue's name. Workers with other graders have another one, so no verdict is theirs. */
export function queueName(graderVersion: string): string {
  return `boxwright-${graderVersion.replaceAll(/[^\w.-]/g, '-')}`;
}

/** A connection that waits for a server that is away for a while. @param onAway is told, once for each time */
export function connectTo(url: string, onAway: (message: string) => void): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    enableReadyCheck: true,
    // A connection on which a question stays without an answer for so long is dead: the kernel alone would wait for
    // many minutes.
    socketTimeout: 30_000,
    retryStrategy: (times) => Math.min(100 * times, 2000),
  });
  let away = false;
  redis.on('error', (error) => {
    if (!away) onAway((error as Error).message || 'it does not answer');
    away = true;
  });
  redis.on('ready', () => (away = false));
  return redis;
}

/**
 * Opens the queue.
 *
 * @param run names this run: what an earlier process of it put in is found again
 * @param keep is given each outcome, and has kept it when it comes back
 */
export async function openRedisQueue(
  url: string,
  run: string,
  terms: GradingTerms,
  keep: (outcome: Outcome) => void,
): Promise<GradingQueue> {
  let trouble = '';
  const redis = connectTo(url, (message) => (trouble = `Redis: ${message}`));
  redis.on('ready', () => (trouble = ''));
  const queue = new Queue<QueuedWork, Outcome>(queueName(terms.graderVersion), { connection: redis });
  queue.on('error', () => {});
  const out = new Map<string, Submission>();
  let workers = 0;
  let active = 0;
  let closed = false;
  let failure: Error | null = null;

  const idOf = ({ student }: Submission): string =>
    createHash('sha256').update(`${run}\0${student}`).digest('hex').slice(0, 32);

  async function add(submission: Submission): Promise<void> {
    const id = idOf(submission);
    // Where it is known already, nothing happens.
    await queue.add(
      'submission',
      { submission, terms },
      {
        jobId: id,
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: BACKOFF },
        removeOnComplete: { age: KEPT },
        removeOnFail: { age: KEPT },
      },
    );
  }

  /** An outcome that cannot be kept ends the run; Redis still has it. */
  function give(outcome: Outcome): void {
    try {
      keep(outcome);
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  }

  /** Looks at what has become of one that was put in. */
  async function ask(id: string, submission: Submission): Promise<void> {
    const state = await queue.getJobState(id);
    if (state === 'unknown') return await add(submission);
    if (state !== 'completed' && state !== 'failed') return;
    const job: Job<QueuedWork, Outcome> | undefined = await queue.getJob(id);
    if (job === undefined) return;
    give(
      state === 'completed' ? job.returnvalue : notGraded(submission, terms, `no worker could: ${job.failedReason}`),
    );
    out.delete(id);
    await job.remove();
  }

  async function askAll(): Promise<void> {
    while (!closed && failure === null) {
      // Where Redis does not answer, the next round asks again.
      const answers = await Promise.allSettled([...out].map(([id, submission]) => ask(id, submission)));
      const [lost] = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as Error] : []));
      trouble = lost === undefined ? '' : `Redis: ${lost.message}`;
      workers = await queue.getWorkersCount().catch(() => workers);
      active = await queue.getActiveCount().catch(() => active);
      await delay(INTERVAL);
    }
  }

  const asking = askAll();

  /** Once the queue is closed, it waits for ever. */
  async function until(done: () => boolean): Promise<void> {
    while (closed || !done()) {
      if (failure !== null) throw failure;
      await delay(INTERVAL / 5);
    }
  }

  return {
    async put(submission) {
      await until(() => out.size < WAITING + 2 * active);
      out.set(idOf(submission), submission);
      // Where it does not arrive, it is put in again like one that Redis forgot.
      await add(submission).catch(() => {});
    },
    drained: () => until(() => out.size === 0),
    state: () => trouble || (workers === 0 ? 'no worker is there' : counted(workers, 'worker')),
    async [Symbol.asyncDispose]() {
      closed = true;
      redis.disconnect();
      await asking;
    },
  };
}
