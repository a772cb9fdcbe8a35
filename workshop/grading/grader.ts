// A grader at work, as a command sees it: in a process of its own, which the command can end at any moment, whatever
// is going on there. Testbeds that are then left belong to the command: `sweepTestbeds(process.pid)` removes them.
// A command with several graders lets each keep its own.
import { spawn } from 'node:child_process';
import { commandsCache } from '../compile-cache.mjs';
import { once } from 'node:events';
import path from 'node:path';
import type { GradeResult } from './result.ts';
import type { GraderAnswer } from './grader-process.ts';
import type { GraderJob } from './run-grader.ts';
import { NoTestbed, ownerVariable, sweepTestbeds } from './testbed.ts';

/** The grader itself broke: no verdict. */
export class GraderFault extends Error {
  override name = 'GraderFault';
}

/** Something that grades. Close it, or declare it with `await using`. */
export type Grader = {
  /**
   * Grades a level. Neither returns nor throws once the grader has been closed.
   *
   * @throws GraderFault where the grader broke, and nothing can be said of the program
   * @throws NoTestbed where this machine refused a testbed
   */
  grade(job: GraderJob): Promise<GradeResult>;
  /** Ends its processes, also in the middle of a job, and comes back when they are gone. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The value of `ownerVariable` with which the grader's process answers for its testbeds itself. */
export const ownsTestbeds = 'grader';

/**
 * Starts the process of a grader, which is loading what it needs from then on.
 *
 * @param options.ownsTestbeds `close` then also removes the testbeds that it leaves, and those of no other grader
 * @param options.env joins this process's environment
 */
export function openGrader(options: { ownsTestbeds?: boolean; env?: Record<string, string> } = {}): Grader {
  const script = path.join(import.meta.dirname, 'grader-process.ts');
  // setpriv: the kernel ends it when we die, however that happens.
  const words = [...process.execArgv, script];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, ...words], {
    // What a grader has to say is no part of a command's output.
    stdio: ['ignore', 2, 2, 'ipc'],
    env: {
      ...process.env,
      // Without a cache each thread takes the types out of what it loads: that takes long, and V8 can crash at the end of
      // threads that have WebAssembly, as Node's own code for it is (github.com/nodejs/node/issues/64500).
      NODE_COMPILE_CACHE: commandsCache(),
      [ownerVariable]: options.ownsTestbeds ? ownsTestbeds : String(process.pid),
      ...options.env,
    },
    // A process group of its own: Ctrl-C is the command's to handle, and its workers can be ended with it.
    detached: true,
  });
  const gone = Promise.race([
    once(child, 'exit').then(([code, signal]) => `its process ended with ${signal ?? `status ${code}`}`),
    once(child, 'error').then(([error]) => (error as Error).message),
  ]);

  let closed = false;

  async function close(): Promise<void> {
    closed = true;
    if (child.pid === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGKILL');
      await gone;
    }
    if (options.ownsTestbeds) await sweepTestbeds(child.pid);
  }

  return {
    async grade(job) {
      const answered = once(child, 'message') as Promise<[GraderAnswer]>;
      child.send(job);
      const first = await Promise.race([answered, gone]);
      if (closed) await new Promise(() => {});
      if (typeof first === 'string') throw new GraderFault(first);
      const [answer] = first;
      switch (answer.kind) {
        case 'result':
          return answer.result;
        case 'no-testbed':
          throw new NoTestbed(answer.message);
        case 'fault':
          throw new GraderFault(answer.message);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
