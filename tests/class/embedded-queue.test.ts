// The queue within one process, with workers that answer as they are told.
import { expect, test } from 'vitest';
import { openEmbeddedQueue } from '../../workshop/class/embedded-queue.ts';
import type { GradingTerms } from '../../workshop/class/grade-submission.ts';
import type { Submission } from '../../workshop/class/submission.ts';
import type { Outcome } from '../../workshop/class/verdict.ts';
import type { Worker, WorkerJob } from '../../workshop/class/worker.ts';
import { GraderFault } from '../../workshop/grading/grader.ts';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { resultFor } from './outcomes.ts';

const terms: GradingTerms = {
  limits: { check: 1, level: 10, student: 10 },
  hidden: [],
  graderVersion: '1',
  asked: null,
  salt: '',
};

function submissions(count: number): Submission[] {
  return Array.from({ length: count }, (_, index) => ({
    student: `s${index}`,
    boxes: { '00-fork-exec': `// s${index}` },
    unusable: {},
    untouched: [],
    problem: null,
    handedIn: '2026-11-24T12:00:00.000Z',
    commit: null,
    passedAtHome: {},
  }));
}

function workerThat(grade: (job: WorkerJob) => Promise<GradeResult>): Worker {
  return { grade, async forget() {}, async [Symbol.asyncDispose]() {} };
}

async function runAll(list: readonly Submission[], workers: readonly Worker[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await using queue = openEmbeddedQueue(workers, terms, (outcome) => outcomes.push(outcome));
  for (const one of list) await queue.put(one);
  await queue.drained();
  return outcomes;
}

test('as many at a time as there are workers, and everybody once', async () => {
  let [now, most] = [0, 0];
  const work = async ({ level }: WorkerJob): Promise<GradeResult> => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return resultFor(level, null);
  };
  const outcomes = await runAll(submissions(50), [workerThat(work), workerThat(work), workerThat(work)]);
  expect(most).toBe(3);
  expect(outcomes.map(({ student }) => student).toSorted()).toEqual(
    submissions(50)
      .map(({ student }) => student)
      .toSorted(),
  );
});

test('programs that break the grader do not stop the others', async () => {
  const worker = workerThat(async ({ level, text }) => {
    if (/^\/\/ s[0-9]$/.test(text)) throw new GraderFault('broken on purpose');
    return resultFor(level, null);
  });
  const outcomes = await runAll(submissions(20), [worker]);
  expect(outcomes.map(({ verdicts }) => verdicts[0]!.status)).toEqual([
    ...Array.from({ length: 10 }, () => 'fault'),
    ...Array.from({ length: 10 }, () => 'passed'),
  ]);
});

test('a machine that grades nothing any more ends the run, and does not go through everybody', async () => {
  let asked = 0;
  const worker = workerThat(async () => {
    asked += 1;
    throw new GraderFault('the disk is full');
  });
  await expect(runAll(submissions(500), [worker])).rejects.toThrow('cannot grade a right program any more');
  expect(asked).toBeLessThan(30);
});

test('an outcome that cannot be kept ends the run at once, also while somebody is graded for ever', async () => {
  const forEver = workerThat(() => new Promise(() => {}));
  const worker = workerThat(async ({ level }) => resultFor(level, null));
  await using queue = openEmbeddedQueue([forEver, worker], terms, () => {
    throw new Error('the disk is full');
  });
  const all = async (): Promise<void> => {
    for (const one of submissions(2)) await queue.put(one);
    await queue.drained();
  };
  await expect(all()).rejects.toThrow('the disk is full');
});
