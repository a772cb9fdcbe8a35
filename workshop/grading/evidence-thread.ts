// The thread that runs what the graders have planned, and gathers the evidence. See evidence.ts.
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { asking } from './asking.ts';
import { assignment } from './assignment.ts';
import type { Evidence, GatheringEnd } from './evidence.ts';
import { loadGraders, type PlannedRun } from './level.ts';
import { runOn } from './run.ts';
import type { Scenario } from './scenario.ts';
import { NoTestbed, openTestbed, type Testbed } from './testbed.ts';

/** At most this many testbeds at a time. */
const CONCURRENT = 3;
/** Seconds of doing nothing for each further run, once one has come to no end: it is clear then, and a student waits. */
const SHORT_LIMIT = 2;

const { file, only, askedThere } = assignment();
/** No level needs fewer: they are opened while graders are loaded. */
const openedAhead = only === undefined ? 2 : 1;
let hung = false;

parentPort!.postMessage(await end());
// What it has compiled is of use to the next one.
flushCompileCache();
// Whoever waits for its end is not to wait for a forgotten timer.
process.exit();

async function end(): Promise<GatheringEnd> {
  try {
    return await gather();
  } catch (error) {
    if (error instanceof NoTestbed) return { refused: error.message };
    throw error;
  }
}

async function gather(): Promise<GatheringEnd> {
  const opened = Array.from({ length: openedAhead }, () => openTestbed([file]));
  // Whoever takes one is told what went wrong with it.
  for (const testbed of opened) testbed.catch(() => {});
  try {
    const plan = await loadGraders();
    const { runs, notes } = plan;
    const planned = new Map(runs.map((each) => [each.scenario, each]));
    const hosts = hostsOf(runs);
    const worker = async (): Promise<void> => {
      for (let host = hosts.shift(); host !== undefined; host = hosts.shift()) {
        await using testbed = await (opened.shift() ?? openTestbed([file]));
        await runOnOneHost(testbed, host, planned);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
    if (askedThere) return plan.checks.map(asking(plan));
    return { runs: runs.map(({ run }) => (run === undefined ? null : withoutScenario(run))), notes };
  } finally {
    for (const testbed of opened) await (await testbed.catch(() => null))?.close();
  }
}

/** The scenarios of each host, but not those that are run within another one. */
function hostsOf(runs: readonly PlannedRun[]): Scenario[][] {
  const inner = new Set(runs.map(({ scenario }) => scenario.meanwhile));
  const outer = runs.map(({ scenario }) => scenario).filter((scenario) => !inner.has(scenario));
  return Object.values(Object.groupBy(outer, ({ host }, index) => host ?? `alone ${index}`)) as Scenario[][];
}

async function runOnOneHost(
  testbed: Testbed,
  scenarios: readonly Scenario[],
  planned: ReadonlyMap<Scenario, PlannedRun>,
): Promise<void> {
  const keep: NonNullable<Parameters<typeof runOn>[3]>['keep'] = (run) => {
    planned.get(run.scenario)!.run = run;
    hung ||= run.timedOut;
  };
  for (const scenario of scenarios) {
    keep(await runOn(testbed, file, scenario, { keep, ...(hung && { idleLimit: SHORT_LIMIT }) }));
  }
}

function withoutScenario({ scenario, ...evidence }: NonNullable<PlannedRun['run']>): Evidence['runs'][number] {
  void scenario;
  return evidence;
}
