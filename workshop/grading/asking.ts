// Asks the checks, over evidence that has been gathered.
import { spoken } from '../levels.ts';
import { cgroupsAbove } from './cgroups.ts';
import { departureOf, isUntrue } from './departures.ts';
import { diagnose } from './diagnosis.ts';
import type { Plan, PlannedCheck } from './level.ts';
import type { CheckResult } from './result.ts';
import type { Run } from './run.ts';

/** What a check says. Data only, for it goes from thread to thread. */
export type Answer = {
  check: CheckResult;
  /** Whether it belongs to a level before the one that is graded. */
  earlier: boolean;
  /** What the run that it looked at has left on the host. */
  leftovers: string[];
};

/** Asks one check of a plan after another, in their order: a check can be blocked by one before it. */
export function asking({ graded, runs, superseded }: Plan): (check: PlannedCheck) => Answer {
  const passed = new Set<string>();

  return (planned) => {
    const { id, title, earlier, spec } = planned;
    if (isBlocked(planned)) return { check: { id, title, status: 'blocked' }, earlier, leftovers: [] };
    const run = spec.of.run!;
    const check = outcome(planned, run);
    if (check.status === 'passed') passed.add(id);
    return { check, earlier, leftovers: leftovers(run) };
  };

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
    const asked = shownIn === run ? spec.reproduce : undefined;
    const { scenario } = shownIn;
    const words = finding.reproduce ?? asked ?? scenario.reproduce;
    const typedAs = (what: string): string => (scenario.words === undefined ? `run ${what}` : what);
    const typed = typedAs(words);
    const tried = finding.reproduce ?? asked ?? scenario.tried ?? scenario.reproduce;
    const { hint, ...explained } = diagnose(id, shownIn, finding, misconceptions, spec);
    return {
      id,
      title,
      status: 'failed',
      ...explained,
      tried: typedAs(tried),
      reproduce: `npm run box -- ${spoken(graded)} ${script === undefined ? typed : `host '${script}'`}`,
      next: `npm run hint ${spoken(level)} ${hint}`,
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
}
