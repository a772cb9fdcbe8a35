// How a grader is written: scenarios, and checks over the evidence of them. Each level's grade.test.ts uses it.
import { beforeAll, inject, test } from 'vitest';
import { findLevel, spoken } from '../levels.ts';
import { diagnose } from './diagnosis.ts';
import type { Finding, Misconception } from './finding.ts';
import type { CheckResult } from './result.ts';
import { type Run, runInTestbed, type Scenario } from './run.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The box.ts to grade. */
    file: string;
  }
  interface TaskMeta {
    check?: CheckResult;
    /** What went wrong in the grader itself. */
    fault?: string;
    leftovers?: string[];
  }
}

/** What a check says about itself. */
export type CheckSpec = {
  /** The scenario whose evidence it looks at. */
  of: PlannedRun;
  /** Checks without which it makes no sense to look: it is blocked where one of them has not passed. */
  needs?: readonly string[];
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
/** Milliseconds for all scenarios of a level: each has a limit of its own, this one is for faults of ours. */
const PATIENCE = 120_000;

/**
 * Begins the grader of a level. In a grader, `check`s are run in the order in which they stand, after every
 * `scenario` has been run, once.
 *
 * @param misconceptions what people believe who fail these checks
 */
export function grade(
  levelName: string,
  misconceptions: readonly Misconception[],
): {
  scenario(scenario: Scenario): PlannedRun;
  check(id: string, title: string, spec: CheckSpec): void;
} {
  const level = findLevel(levelName);
  if (level === null) throw new Error(`there is no level ${levelName}`);
  const file = inject('file');
  const planned: PlannedRun[] = [];
  const passed = new Set<string>();

  beforeAll(async () => {
    const waiting = [...planned];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        next.run = await runInTestbed(file, next.scenario);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
  }, PATIENCE);

  return {
    scenario(scenario) {
      const one: PlannedRun = { scenario };
      planned.push(one);
      return one;
    },
    check(id, title, { of, needs = [], why, man, holds }) {
      test(`${id} ${title}`, ({ task, skip }) => {
        if (needs.some((need) => !passed.has(need))) {
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
        const box = `npm run box -- ${spoken(level)} run ${of.scenario.reproduce}`;
        task.meta.check = {
          id,
          title,
          status: 'failed',
          ...diagnose(id, run, finding, misconceptions, why),
          tried: `run ${of.scenario.reproduce}`,
          read: man,
          reproduce: box,
          next: `npm run hint ${spoken(level)} ${id}`,
        };
        throw new CheckFailed(`${title}: expected ${finding.expected}; ${finding.actual}`);
      });
    },
  };
}

/** A check that does not hold. Any other error in a grader is a fault of the grader. */
export class CheckFailed extends Error {
  override name = 'CheckFailed';
}

function leftovers(run: Run): string[] {
  const before = new Set(run.mountsBefore.map(({ mountPoint }) => mountPoint));
  const mounts = run.mountsAfter.filter(({ mountPoint }) => !before.has(mountPoint));
  return [
    ...run.left.map(({ innerPid, argv }) => `process ${innerPid}: ${argv.join(' ').slice(0, 60)}`),
    ...mounts.map(({ type, mountPoint }) => `mount of ${type} on ${mountPoint}`),
    ...run.cgroups.map((name) => `cgroup ${name}`),
  ];
}
