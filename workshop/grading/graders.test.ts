// What vitest runs: the checks of the levels up to the one that is graded, over the evidence that evidence-thread.ts
// gathers meanwhile.
import { beforeAll, test } from 'vitest';
import { spoken } from '../levels.ts';
import { cgroupsAbove } from './cgroups.ts';
import { isUntrue, departureOf } from './departures.ts';
import { diagnose } from './diagnosis.ts';
import { askForEvidence } from './evidence.ts';
import { loadGraders, type PlannedCheck } from './level.ts';
import type { CheckResult } from './result.ts';
import type { Run } from './run.ts';

declare module 'vitest' {
  interface TaskMeta {
    check?: CheckResult;
    /** Whether it belongs to a level before the one that is graded. */
    earlier?: boolean;
    leftovers?: string[];
  }
}

/** Milliseconds for all scenarios of a level: each has a limit of its own, this one is for faults of ours. */
const PATIENCE = 1_200_000;

const { graded, checks, runs, superseded, notes } = await loadGraders();
const passed = new Set<string>();

beforeAll(async () => {
  const evidence = await askForEvidence();
  // Both have loaded the same graders with the same seed.
  if (evidence.runs.length !== runs.length) throw new Error('the evidence is that of another plan');
  evidence.runs.forEach((run, index) => {
    const planned = runs[index]!;
    if (run !== null) planned.run = { scenario: planned.scenario, ...run };
  });
  evidence.notes.forEach((noted, index) => Object.assign(notes[index]!, noted));
}, PATIENCE);

for (const check of checks) {
  const { id, title, earlier } = check;
  test(`${id} ${title}`, ({ task, skip }) => {
    task.meta.earlier = earlier;
    if (isBlocked(check)) {
      task.meta.check = { id, title, status: 'blocked' };
      return skip();
    }
    const run = check.spec.of.run!;
    task.meta.leftovers = leftovers(run);
    task.meta.check = outcome(check, run);
    if (task.meta.check.status === 'passed') passed.add(id);
    else throw new CheckFailed(`${title}: expected ${task.meta.check.expected}; ${task.meta.check.actual}`);
  });
}

/** A check that does not hold. Any other error in a grader is a fault of the grader. */
class CheckFailed extends Error {
  override name = 'CheckFailed';
}

function isBlocked({ spec: { needs = [], of } }: PlannedCheck): boolean {
  const unmet = needs.some((need) => !passed.has(need) && !superseded.has(need));
  // What it needs is not asked here, so nobody has seen that there is something to look at.
  const departure = departureOf(graded.number);
  const unseen = needs.some((need) => isUntrue(departure, need)) && of.run!.during === null;
  return unmet || unseen;
}

function outcome({ id, title, spec, level, misconceptions }: PlannedCheck, run: Run): CheckResult {
  const finding = spec.holds(run);
  if (finding === undefined) return { id, title, status: 'passed' };
  const shownIn = finding.seenIn ?? run;
  const script = typeof spec.shownBy === 'function' ? spec.shownBy(shownIn) : spec.shownBy;
  const words = shownIn === run ? (spec.reproduce ?? run.scenario.reproduce) : shownIn.scenario.reproduce;
  const typed = shownIn.scenario.words === undefined ? `run ${words}` : words;
  return {
    id,
    title,
    status: 'failed',
    ...diagnose(id, shownIn, finding, misconceptions, spec.why),
    tried: typed,
    read: spec.man,
    reproduce: `npm run box -- ${spoken(graded)} ${script === undefined ? typed : `host '${script}'`}`,
    next: `npm run hint ${spoken(level)} ${id}`,
  };
}

function leftovers(run: Run): string[] {
  const before = new Set(run.before.mounts.map(({ mountPoint }) => mountPoint));
  // The cgroup that all containers are made below stays on purpose.
  const seen = runs.flatMap((one) => one.run?.during?.host.cgroups ?? []);
  const parents = new Set(seen.flatMap((cgroup) => cgroupsAbove(cgroup.path)));
  const mounts = run.after.mounts.filter(({ mountPoint }) => !before.has(mountPoint));
  return [
    ...run.left.map(({ innerPid, argv }) => `process ${innerPid}: ${argv.join(' ').slice(0, 60)}`),
    ...mounts.map(({ type, mountPoint }) => `mount of ${type} on ${mountPoint}`),
    ...run.cgroups.filter((name) => !parents.has(name)).map((name) => `cgroup ${name}`),
  ];
}
