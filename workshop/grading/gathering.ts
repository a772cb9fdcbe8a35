// Runs what the graders have planned, and gathers the evidence.
import { assignment } from './assignment.ts';
import { loadGraders, type PlannedRun } from './level.ts';
import { runOn } from './run.ts';
import type { Scenario } from './scenario.ts';
import { openTestbed, type Testbed } from './testbed.ts';

/** At most this many testbeds at a time. */
const CONCURRENT = 3;
/** Seconds of doing nothing for each further run, once one has come to no end: it is clear then, and a student waits. */
const SHORT_LIMIT = 2;

const { file } = assignment();
let hung = false;

/**
 * Makes all runs of the plan.
 *
 * @param opened testbeds to begin with; those that it takes out of the list it closes
 * @throws NoTestbed where this machine refused one
 */
export async function gather(opened: Promise<Testbed>[]): Promise<void> {
  const { runs } = await loadGraders();
  const planned = new Map(runs.map((each) => [each.scenario, each]));
  const hosts = hostsOf(runs);
  const worker = async (): Promise<void> => {
    try {
      for (let host = hosts.shift(); host !== undefined; host = hosts.shift()) {
        await using testbed = await (opened.shift() ?? openTestbed([file]));
        await runOnOneHost(testbed, host, planned);
      }
    } catch (error) {
      // The others end what they have begun, and take their testbeds away.
      hosts.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: CONCURRENT }, worker));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
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
