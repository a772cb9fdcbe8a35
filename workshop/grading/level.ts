// How a grader is written: scenarios, and checks over the evidence of them. Each level's grade.test.ts uses it.
//
// Loading the graders only writes down what they ask for. gathering.ts then runs the scenarios, and asking.ts asks
// the checks.
import { findLevel, type Level } from '../levels.ts';
import { type Assignment, assignment } from './assignment.ts';
import { departureOf, isUntrue } from './departures.ts';
import type { Finding, Misconception } from './finding.ts';
import { ID_RANGE, type IdRange, type OrdinaryUser, ownerOf } from './ordinary-user.ts';
import { choices } from './random.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

const { pickNumber } = choices('level');

/** What a check says about itself. */
export type CheckSpec = {
  /** The scenario whose evidence it looks at. */
  of: PlannedRun;
  /** Other scenarios that it looks at, besides those that are run within that one or around it. */
  and?: readonly PlannedRun[];
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

/** A check as it is asked of this program. */
export type PlannedCheck = {
  id: string;
  title: string;
  spec: CheckSpec;
  /** The level that it belongs to; whether that is one before the graded one; and what people believe who fail there. */
  level: Level;
  earlier: boolean;
  misconceptions: readonly Misconception[];
};

const graded = findLevel(assignment().level)!;
/** What is to be run: asked for by several graders or by one, each scenario is run once. */
const planned = new Map<Scenario, PlannedRun>();
const checks: PlannedCheck[] = [];
/** Checks that the level that is graded puts something else in the place of. */
const superseded = new Set<string>();

/** All that the graders ask for. Scenarios that are run within another one stand behind it. */
export type Plan = {
  graded: Level;
  checks: readonly PlannedCheck[];
  runs: readonly PlannedRun[];
  superseded: ReadonlySet<string>;
};

/** Loads the graders of the assignment, and returns what they ask for. */
export async function loadGraders(): Promise<Plan> {
  const { graders, only } = assignment();
  for (const grader of graders) await import(grader);
  for (const { scenario } of planned.values()) if (typeof scenario.meanwhile === 'object') plan(scenario.meanwhile);
  const all = { graded, checks, runs: [...planned.values()], superseded };
  return only === undefined ? all : { ...all, ...partFor(only) };
}

/** Of all that is planned, what it takes to ask some checks: those that they need, and the runs that these look at. */
function partFor(only: NonNullable<Assignment['only']>): Pick<Plan, 'checks' | 'runs'> {
  const wanted = new Set(only === 'own' ? checks.filter(({ earlier }) => !earlier).map(({ id }) => id) : only);
  // A check stands after those that it needs.
  for (const { id, spec } of checks.toReversed()) {
    if (wanted.has(id)) for (const need of spec.needs ?? []) wanted.add(need);
  }
  const asked = checks.filter(({ id }) => wanted.has(id));
  const runs = new Set(asked.flatMap(({ spec: { of, and = [] } }) => [of, ...and]));
  // A set also goes through what is added to it meanwhile.
  for (const run of runs) for (const other of togetherWith(run)) runs.add(other);
  return { checks: asked, runs: [...planned.values()].filter((run) => runs.has(run)) };
}

/** What a scenario cannot be run without: the one within it, the one around it, and those before it on its host. */
function togetherWith({ scenario: own }: PlannedRun): PlannedRun[] {
  const all = [...planned.values()];
  const place = all.findIndex(({ scenario }) => scenario === own);
  return all.filter(
    ({ scenario }, index) =>
      scenario === own.meanwhile ||
      scenario.meanwhile === own ||
      (own.host !== undefined && scenario.host === own.host && index < place),
  );
}

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
  if (level === null) throw new Error(`there is no level ${levelName}`);
  const earlier = level.name !== graded.name;
  const departure = departureOf(graded.number);

  return {
    earlier,
    user: somebody,
    scenario(scenario, later = scenario) {
      return plan(asGraded(earlier ? later : scenario));
    },
    check(id, title, spec) {
      const replaced = spec.until !== undefined && graded.number >= spec.until;
      if (replaced || (spec.alone === true && earlier) || (earlier && isUntrue(departure, id))) {
        superseded.add(id);
      } else {
        checks.push({ id, title, spec, level, earlier, misconceptions });
      }
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
  const departure = departureOf(graded.number);
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
