// How a grader is written: scenarios, and checks over the evidence of them. Each level's grade.test.ts uses it.
import { afterAll, beforeAll, inject, test } from 'vitest';
import { findLevel, spoken } from '../levels.ts';
import { cgroupsAbove } from './cgroups.ts';
import { departureOf, isUntrue } from './departures.ts';
import { diagnose } from './diagnosis.ts';
import type { Finding, Misconception } from './finding.ts';
import type { CheckResult } from './result.ts';
import { ID_RANGE, type IdRange, type OrdinaryUser, ownerOf } from './ordinary-user.ts';
import { pickNumber } from './random.ts';
import { type Run, runOn } from './run.ts';
import type { Scenario } from './scenario.ts';
import { openTestbed, type Testbed } from './testbed.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The box.ts to grade. */
    file: string;
    /** The name of the level that is graded. */
    level: string;
  }
  interface TaskMeta {
    check?: CheckResult;
    /** Whether it belongs to a level before the one that is graded. */
    earlier?: boolean;
    leftovers?: string[];
  }
}

/** What a check says about itself. */
export type CheckSpec = {
  /** The scenario whose evidence it looks at. */
  of: PlannedRun;
  /** Checks without which it makes no sense to look: it is blocked where one of them has not passed. */
  needs?: readonly string[];
  /** The number of the level that puts something else in its place: `04`. Later levels are not held to it. */
  until?: string;
  /** Whether it is asked of its own level's program only: it takes too long to be asked again for each later one. */
  alone?: boolean;
  /** What a student types after `run` to see the same, where that is not what its scenario says. */
  reproduce?: string;
  /** A script for `box -- level-NN host` that shows it, where one run alone does not; or one for the run that failed. */
  shownBy?: string | ((shownIn: Run) => string | undefined);
  /** What it means if this does not hold; for failures that no misconception explains. */
  why: string;
  /** The manual page to read: `fork(2)`. */
  man: string;
  /** Looks at the evidence. Returns what is wrong with it, or nothing where the check holds. */
  holds(run: Run): Finding | undefined;
};

/** A scenario that will have been run when the checks look at it. */
export type PlannedRun = { scenario: Scenario; run?: Run };

/** At most this many testbeds at a time. */
const CONCURRENT = 3;
/** No level needs fewer. */
const OPENED_AHEAD = 2;
/** Milliseconds for all scenarios of a level: each has a limit of its own, this one is for faults of ours. */
const PATIENCE = 1_200_000;

/** Seconds for each further run, once one has come to no end: the verdict is clear, and a student waits for it. */
const SHORT_LIMIT = 2;
let hung = false;

/** What is to be run: asked for by several graders or by one, each scenario is run once. */
const planned = new Map<Scenario, PlannedRun>();
const passed = new Set<string>();
/** Checks that the level that is graded puts something else in the place of. */
const superseded = new Set<string>();

/**
 * Begins the grader of a level. In a grader, `check`s are run in the order in which they stand, after every
 * `scenario` has been run, once. When a later level is graded, they are asked of its program again.
 *
 * @param misconceptions what people believe who fail these checks
 */
export function grade(
  levelName: string,
  misconceptions: readonly Misconception[],
): {
  /** @param later what is run in its place for the program of a later level, which has a root of its own */
  scenario(scenario: Scenario, later?: Scenario): PlannedRun;
  check(id: string, title: string, spec: CheckSpec): void;
  /** Whether it is a later level that is graded. */
  earlier: boolean;
  /** Who starts programs where that is an ordinary user: with ids that are new in each run. */
  user(file: string): OrdinaryUser;
} {
  const level = findLevel(levelName);
  const graded = findLevel(inject('level'));
  if (level === null || graded === null) throw new Error(`there is no level ${levelName}, or no ${inject('level')}`);
  const earlier = level.name !== graded.name;
  const departure = departureOf(graded.number);

  return {
    earlier,
    user: somebody,
    scenario(scenario, later = scenario) {
      return plan(asGraded(earlier ? later : scenario));
    },
    check(id, title, { of, needs = [], until, alone = false, reproduce, shownBy, why, man, holds }) {
      const replaced = until !== undefined && graded.number >= until;
      if (replaced || (alone && earlier) || (earlier && isUntrue(departure, id))) {
        superseded.add(id);
        return;
      }
      test(`${id} ${title}`, ({ task, skip }) => {
        task.meta.earlier = earlier;
        const unmet = needs.some((need) => !passed.has(need) && !superseded.has(need));
        // What it needs is not asked here, so nobody has seen that there is something to look at.
        const unseen = needs.some((need) => isUntrue(departure, need)) && of.run!.during === null;
        if (unmet || unseen) {
          task.meta.check = { id, title, status: 'blocked' };
          return skip();
        }
        const run = of.run!;
        task.meta.leftovers = leftovers(run);
        const finding = holds(run);
        if (finding === undefined) {
          passed.add(id);
          task.meta.check = { id, title, status: 'passed' };
          return;
        }
        const shownIn = finding.seenIn ?? run;
        const script = typeof shownBy === 'function' ? shownBy(shownIn) : shownBy;
        const words = shownIn === run ? (reproduce ?? run.scenario.reproduce) : shownIn.scenario.reproduce;
        const typed = shownIn.scenario.words === undefined ? `run ${words}` : words;
        task.meta.check = {
          id,
          title,
          status: 'failed',
          ...diagnose(id, shownIn, finding, misconceptions, why),
          tried: typed,
          read: man,
          reproduce: `npm run box -- ${spoken(graded)} ${script === undefined ? typed : `host '${script}'`}`,
          next: `npm run hint ${spoken(level)} ${id}`,
        };
        throw new CheckFailed(`${title}: expected ${finding.expected}; ${finding.actual}`);
      });
    },
  };
}

function plan(scenario: Scenario): PlannedRun {
  const known = planned.get(scenario);
  if (known !== undefined) return known;
  const one: PlannedRun = { scenario };
  planned.set(scenario, one);
  return one;
}

const departed = new Map<Scenario, Scenario>();

/** The scenario as it is run for the level that is graded, which may be one that departs from those before it. */
function asGraded(scenario: Scenario): Scenario {
  const departure = departureOf(findLevel(inject('level'))!.number);
  if (departure === null) return scenario;
  const known = departed.get(scenario);
  if (known !== undefined) return known;
  const { limits, meanwhile, ...rest } = scenario;
  const made: Scenario = {
    ...rest,
    ...(departure.ordinaryUser && { startedBy: rest.startedBy ?? somebody }),
    ...(limits !== undefined && !departure.withoutLimits && { limits }),
    ...(meanwhile !== undefined && { meanwhile: typeof meanwhile === 'object' ? asGraded(meanwhile) : meanwhile }),
  };
  departed.set(scenario, made);
  return made;
}

const rangeFrom = (place: number): IdRange => ({ first: pickNumber(place, place + 1000) * ID_RANGE, count: ID_RANGE });
/** A user with numbers that no program can guess. */
const drawn: OrdinaryUser = {
  uid: pickNumber(1001, 1999),
  gid: pickNumber(2001, 2999),
  subordinate: { uids: rangeFrom(2), gids: rangeFrom(2000) },
};

const somebody = (file: string): OrdinaryUser => ({ ...drawn, uid: ownerOf(file, drawn.uid) });

/** Runs what the graders have planned, before the first check. The first testbeds are opened while graders are loaded. */
export function runPlanned(): void {
  const file = inject('file');
  const opened = Array.from({ length: OPENED_AHEAD }, () => openTestbed([file]));
  // Whoever takes one is told what went wrong with it.
  for (const testbed of opened) testbed.catch(() => {});
  beforeAll(async () => {
    const hosts = Object.values(Object.groupBy(topLevel(), ({ host }, index) => host ?? `alone ${index}`));
    const worker = async (): Promise<void> => {
      for (let host = hosts.shift(); host !== undefined; host = hosts.shift()) {
        await using testbed = await (opened.shift() ?? openTestbed([file]));
        await runOnOneHost(testbed, file, host);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
  }, PATIENCE);
  afterAll(async () => {
    for (const testbed of opened) await (await testbed.catch(() => null))?.close();
  });
}

/** The scenarios that are not run within another one. */
function topLevel(): Scenario[] {
  const inner = new Set([...planned.keys()].map(({ meanwhile }) => meanwhile));
  return [...planned.keys()].filter((scenario) => !inner.has(scenario));
}

async function runOnOneHost(testbed: Testbed, file: string, scenarios: readonly Scenario[]): Promise<void> {
  const keep = (run: Run): void => {
    plan(run.scenario).run = run;
    hung ||= run.timedOut;
  };
  for (const scenario of scenarios) {
    keep(await runOn(testbed, file, scenario, { keep, ...(hung && { limit: SHORT_LIMIT }) }));
  }
}

/** A check that does not hold. Any other error in a grader is a fault of the grader. */
export class CheckFailed extends Error {
  override name = 'CheckFailed';
}

function leftovers(run: Run): string[] {
  const before = new Set(run.before.mounts.map(({ mountPoint }) => mountPoint));
  // The cgroup that all containers are made below stays on purpose.
  const seen = [...planned.values()].flatMap((one) => one.run?.during?.host.cgroups ?? []);
  const parents = new Set(seen.flatMap((cgroup) => cgroupsAbove(cgroup.path)));
  const mounts = run.after.mounts.filter(({ mountPoint }) => !before.has(mountPoint));
  return [
    ...run.left.map(({ innerPid, argv }) => `process ${innerPid}: ${argv.join(' ').slice(0, 60)}`),
    ...mounts.map(({ type, mountPoint }) => `mount of ${type} on ${mountPoint}`),
    ...run.cgroups.filter((name) => !parents.has(name)).map((name) => `cgroup ${name}`),
  ];
}
