// What vitest runs: the checks of the levels up to the one that is graded, over the evidence that evidence-thread.ts
// gathers meanwhile.
import { beforeAll, test } from 'vitest';
import { asking, type Answer } from './asking.ts';
import { askForEvidence } from './evidence.ts';
import { loadGraders } from './level.ts';

declare module 'vitest' {
  interface TaskMeta {
    answer?: Answer;
  }
}

/** Milliseconds for all scenarios of a level: each has a limit of its own, this one is for faults of ours. */
const PATIENCE = 1_200_000;

const plan = await loadGraders();
const ask = asking(plan);

beforeAll(async () => {
  const evidence = await askForEvidence();
  // Both have loaded the same graders with the same seed.
  if (evidence.runs.length !== plan.runs.length) throw new Error('the evidence is that of another plan');
  evidence.runs.forEach((run, index) => {
    const planned = plan.runs[index]!;
    if (run !== null) planned.run = { scenario: planned.scenario, ...run };
  });
  evidence.notes.forEach((noted, index) => Object.assign(plan.notes[index]!, noted));
}, PATIENCE);

for (const planned of plan.checks) {
  test(`${planned.id} ${planned.title}`, ({ task, skip }) => {
    const answer = ask(planned);
    task.meta.answer = answer;
    const { status, title, expected, actual } = answer.check;
    if (status === 'blocked') skip();
    if (status === 'failed') throw new CheckFailed(`${title}: expected ${expected}; ${actual}`);
  });
}

/** A check that does not hold. Any other error in a grader is a fault of the grader. */
class CheckFailed extends Error {
  override name = 'CheckFailed';
}
