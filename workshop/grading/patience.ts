// How long a run may take. Not by the clock: on a busy machine a right program is slow. What counts is the CPU time
// that it has used, and the time in which it could have gone on and did not.
import { processState } from './processes.ts';
import type { Testbed } from './testbed.ts';

/** Milliseconds between two looks. */
const INTERVAL = 100;
/** The part of the time between two looks in which a program may compute and still counts as doing nothing. */
const IDLE_SHARE = 0.1;
/** The part of the limit that a program may compute: our own take a hundredth of it. */
const COMPUTING_SHARE = 0.5;
/** Times the limit after which a run is ended by the clock: for programs that do a little now and then, for ever. */
const BY_THE_CLOCK = 12;

/** A limit that is used up only while somebody waits. */
export type Patience = {
  /** What the promise comes to, or null once the patience is over. */
  wait<Value>(what: Promise<Value>): Promise<Value | null>;
  readonly over: boolean;
};

/**
 * Patience with the processes of a testbed.
 *
 * @param others processes of it that do not belong to the run
 * @param seconds of doing nothing; half as much of computing
 * @param idleSeconds of doing nothing, where it is fewer
 */
export function patienceWith(
  testbed: Testbed,
  others: ReadonlySet<number>,
  seconds: number,
  idleSeconds = seconds,
): Patience {
  let [idle, waited, computed] = [0, 0, 0];
  let last = 0;
  let lastCpu = 0;

  function look(): void {
    const now = performance.now();
    const cpu = testbed.cpuTime();
    // A look that comes late says nothing of what was in between: this process, too, may have had to wait.
    const passed = Math.min(now - last, 3 * INTERVAL);
    const used = Math.max(0, cpu - lastCpu);
    [last, lastCpu] = [now, cpu];
    waited += passed;
    computed += used;
    const pids = testbed.pids().filter((pid) => !others.has(pid));
    const runnable = pids.some((pid) => ['R', 'D'].includes(processState(pid)));
    if (!runnable && used < IDLE_SHARE * passed) idle += passed;
  }

  const self: Patience = {
    get over() {
      return idle > idleSeconds * 1000 || Math.max(computed / COMPUTING_SHARE, waited / BY_THE_CLOCK) > seconds * 1000;
    },
    wait<Value>(what: Promise<Value>) {
      const { promise, resolve, reject } = Promise.withResolvers<Value | null>();
      last = performance.now();
      lastCpu = testbed.cpuTime();
      const timer = setInterval(() => {
        look();
        if (self.over) resolve(null);
      }, INTERVAL);
      what.then(resolve, reject);
      return promise.finally(() => clearInterval(timer));
    },
  };
  return self;
}
