// The evidence of all runs that the graders of a level ask for. It is gathered in a thread of its own, which begins while
// vitest is still being loaded; the thread in which vitest runs the checks asks for it.
import { once } from 'node:events';
import path from 'node:path';
import { BroadcastChannel, Worker } from 'node:worker_threads';
import type { Answer } from './asking.ts';
import type { Run } from './run.ts';
import { NoTestbed } from './testbed.ts';

/** Data only, for it goes from thread to thread. */
export type Evidence = {
  /** In the order of the plan; null for a scenario that never came to its turn. */
  runs: readonly (Omit<Run, 'scenario'> | null)[];
  /** What the scenarios' functions have noted. */
  notes: readonly object[];
};

/** What the thread says in the end: the evidence, or what the checks say of it, if it is to ask them. */
export type GatheringEnd = Evidence | Answer[] | { refused: string };

/** All threads of this process that open a channel of this name hear each other. */
const channelName = 'boxwright evidence';

/** Begins to gather it for the assignment. Done with it when it has been disposed of. */
export function gatherEvidence(): AsyncDisposable & {
  /** Rejects with NoTestbed where this machine refused a testbed, and with another error where a grader broke. */
  end: Promise<Evidence | Answer[]>;
} {
  const thread = new Worker(path.join(import.meta.dirname, 'evidence-thread.ts'));
  const gone = once(thread, 'exit').catch(() => {});
  const end = endOf(thread, gone);
  // Whoever asks for it is told.
  end.catch(() => {});
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = () =>
    void end.then(
      (found) => channel.postMessage(found),
      () => channel.postMessage(null),
    );
  return {
    end,
    async [Symbol.asyncDispose]() {
      // Until then it removes testbeds.
      await gone;
      channel.close();
    },
  };
}

async function endOf(thread: Worker, gone: Promise<unknown>): Promise<Evidence | Answer[]> {
  const said = await Promise.race([once(thread, 'message') as Promise<[GatheringEnd]>, gone]);
  if (!Array.isArray(said)) throw new Error('the thread that gathers the evidence ended without a word');
  const [end] = said;
  if ('refused' in end) throw new NoTestbed(end.refused);
  return end;
}

/** Asks for it, in another thread. @throws Error where there is none; whoever gathers it says why */
export async function askForEvidence(): Promise<Evidence> {
  const channel = new BroadcastChannel(channelName);
  const { promise, resolve } = Promise.withResolvers<Evidence | null>();
  channel.onmessage = ({ data }: { data: unknown }) => resolve(data as Evidence | null);
  channel.postMessage('ask');
  const evidence = await promise;
  channel.close();
  if (evidence === null) throw new Error('there is no evidence');
  return evidence;
}
