// The checks of the levels up to the one that is graded, as tests of vitest: grading-thread.ts has its runner run them,
// over the evidence that it has gathered.
import { test } from '@vitest/runner';
import { asking, type Answer } from './asking.ts';
import { loadGraders } from './level.ts';

declare module '@vitest/runner' {
  interface TaskMeta {
    answer?: Answer;
  }
}

const plan = await loadGraders();
const ask = asking(plan);

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
