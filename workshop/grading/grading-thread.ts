// The thread of one grading: it has the evidence gathered and the checks asked. Each grading has one of its own, for a
// grader is loaded for one program. All else has been loaded when it is told which.
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import { parentPort } from 'node:worker_threads';
import { startTests, type Task, type VitestRunner } from '@vitest/runner';
import type { Answer } from './asking.ts';
import { type Assignment, setAssignment } from './assignment.ts';
import { NoTestbed, openTestbed } from './testbed.ts';
// It is needed at the end, when somebody waits.
import './asking.ts';

/** What the thread says in the end. */
export type GradingEnd = { answers: Answer[] } | { refused: string };

const [assignment] = (await once(parentPort!, 'message')) as [Assignment];
setAssignment(assignment);

/** One file, whose tests are run in their order: a check can be blocked by one before it. */
const runner: VitestRunner = {
  config: {
    root: import.meta.dirname,
    setupFiles: [],
    name: undefined,
    passWithNoTests: true,
    testNamePattern: undefined,
    allowOnly: false,
    sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: 0,
    hookTimeout: 0,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  },
  importFile: (name) => import(name),
};

parentPort!.postMessage(await end());
// What it has compiled is of use to the next one.
flushCompileCache();
// Whoever waits for its end is not to wait for a forgotten timer.
process.exit();

async function end(): Promise<GradingEnd> {
  const { file, only } = assignment;
  // They are opened while graders are loaded; no level needs fewer.
  const opened = Array.from({ length: only === undefined ? 2 : 1 }, () => openTestbed([file]));
  // Whoever takes one is told what went wrong with it.
  for (const testbed of opened) testbed.catch(() => {});
  try {
    // Not before: whatever is chosen by chance follows from the assignment.
    const { gather } = await import('./gathering.ts');
    await gather(opened);
    return { answers: await ask() };
  } catch (error) {
    if (error instanceof NoTestbed) return { refused: error.message };
    throw error;
  } finally {
    for (const testbed of opened) await (await testbed.catch(() => null))?.close();
  }
}

/** What the checks say. They are tests, and vitest's runner runs them here. @throws Error where a grader broke */
async function ask(): Promise<Answer[]> {
  const [run] = await startTests([path.join(import.meta.dirname, 'graders.test.ts')], runner);
  const fault = [run!, ...run!.tasks].flatMap(faultsOf)[0];
  if (fault !== undefined) throw new Error(fault);
  return run!.tasks.map(({ meta }) => meta.answer!);
}

/** Errors other than a check's not holding. */
function faultsOf({ name, type, meta, result }: Task): string[] {
  const faults = (result?.errors ?? []).filter((error) => error.name !== 'CheckFailed');
  if (faults.length > 0) return faults.map(({ message, stack }) => stack ?? message);
  return type === 'test' && meta.answer === undefined ? [`the check "${name}" was not run`] : [];
}
