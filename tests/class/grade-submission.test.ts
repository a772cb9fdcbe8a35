// One submission on a worker that breaks, hangs or answers: what becomes of each level.
import { expect, test } from 'vitest';
import { gradeSubmission, type GradingTerms } from '../../workshop/class/grade-submission.ts';
import type { Submission } from '../../workshop/class/submission.ts';
import { LevelStopped, type Worker, type WorkerJob } from '../../workshop/class/worker.ts';
import { GraderFault } from '../../workshop/grading/grader.ts';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { NoTestbed } from '../../workshop/grading/testbed.ts';
import { resultFor } from './outcomes.ts';

const terms: GradingTerms = {
  limits: { check: 7, level: 60, student: 600 },
  hidden: ['/handed-in'],
  graderVersion: '1',
  asked: null,
  salt: 's',
};

function submission(...levels: string[]): Submission {
  return {
    student: 'ada',
    boxes: Object.fromEntries(levels.map((name) => [name, `// ${name}`])),
    unusable: {},
    untouched: [],
    problem: null,
    handedIn: '2026-11-24T12:00:00.000Z',
    commit: null,
    passedAtHome: {},
  };
}

/** A worker that does what it is told, one answer a job, and remembers the jobs. */
function workerThat(
  ...answers: ((job: WorkerJob) => GradeResult)[]
): Worker & { jobs: WorkerJob[]; forgotten: number } {
  const worker = {
    jobs: [] as WorkerJob[],
    forgotten: 0,
    async grade(job: WorkerJob) {
      worker.jobs.push(job);
      return answers.shift()!(job);
    },
    async forget() {
      worker.forgotten += 1;
    },
    async [Symbol.asyncDispose]() {},
  };
  return worker;
}

const passes = ({ level }: WorkerJob): GradeResult => resultFor(level, null);
const fails = ({ level }: WorkerJob): GradeResult => resultFor(level, 0);
const breaks = (error: Error) => (): never => {
  throw error;
};

test('verdicts, in the order of levels, and the worker forgets the student', async () => {
  const worker = workerThat(passes, fails);
  const outcome = await gradeSubmission(submission('01-chroot', '00-fork-exec'), worker, terms);
  expect(outcome.verdicts.map(({ level, status }) => [level, status])).toEqual([
    ['00-fork-exec', 'passed'],
    ['01-chroot', 'failed'],
  ]);
  expect(worker.jobs[0]).toMatchObject({ text: '// 00-fork-exec', check: 7, hidden: ['/handed-in'], seconds: 60 });
  expect(worker.forgotten).toBe(1);
});

test('the seed is the same each time, and another for each student, level and run', async () => {
  const seedOf = async (student: string, level: string, salt: string): Promise<string> => {
    const worker = workerThat(passes);
    await gradeSubmission({ ...submission(level), student }, worker, { ...terms, salt });
    return worker.jobs[0]!.seed;
  };
  const seed = await seedOf('ada', '00-fork-exec', 's');
  expect(await seedOf('ada', '00-fork-exec', 's')).toBe(seed);
  for (const other of [
    await seedOf('bob', '00-fork-exec', 's'),
    await seedOf('ada', '01-chroot', 's'),
    await seedOf('ada', '00-fork-exec', 't'),
  ]) {
    expect(other).not.toBe(seed);
  }
});

test('a fault of ours is tried again, and the verdict then counts', async () => {
  const worker = workerThat(breaks(new GraderFault('x')), breaks(new NoTestbed('y')), passes);
  const { verdicts } = await gradeSubmission(submission('00-fork-exec'), worker, terms);
  expect(verdicts).toMatchObject([{ status: 'passed', checksPassed: 6, reason: null }]);
});

test('three faults are none of the student, and the next level is graded all the same', async () => {
  const worker = workerThat(
    breaks(new GraderFault('a')),
    breaks(new GraderFault('b')),
    breaks(new NoTestbed('c\nd')),
    passes,
  );
  const { verdicts } = await gradeSubmission(submission('00-fork-exec', '01-chroot'), worker, terms);
  expect(verdicts).toMatchObject([
    { status: 'fault', checksPassed: 0, result: null, reason: 'it could not be graded, 3 times: c' },
    { status: 'passed' },
  ]);
});

test('a limit is a limit: not tried again, and the next level is graded all the same', async () => {
  const worker = workerThat(breaks(new LevelStopped('too long')), passes);
  const { verdicts } = await gradeSubmission(submission('00-fork-exec', '01-chroot'), worker, terms);
  expect(verdicts).toMatchObject([
    { status: 'stopped', phase: 'limit', checksPassed: 0, checksTotal: 6, reason: 'too long' },
    { status: 'passed' },
  ]);
});

test('the time of a student is for all levels together', async () => {
  const limits = { check: 7, level: 60, student: 0.05 };
  const slow = (job: WorkerJob): GradeResult => {
    const end = performance.now() + 60;
    while (performance.now() < end);
    return passes(job);
  };
  const worker = workerThat(slow);
  const { verdicts } = await gradeSubmission(submission('00-fork-exec', '01-chroot'), worker, { ...terms, limits });
  expect(verdicts.map(({ status }) => status)).toEqual(['passed', 'stopped']);
  expect(worker.jobs[0]!.seconds).toBeLessThanOrEqual(0.05);
});

test('what everybody had to hand in, and did not, is said', async () => {
  const asked = ['00-fork-exec', '01-chroot', '02-mount-namespace'];
  const given = { ...submission('01-chroot'), unusable: { '02-mount-namespace': 'its box.ts is empty' } };
  const { verdicts } = await gradeSubmission(given, workerThat(passes), { ...terms, asked });
  expect(verdicts.map(({ status, reason }) => [status, reason])).toEqual([
    ['missing', 'it was not handed in'],
    ['passed', null],
    ['unusable', 'its box.ts is empty'],
  ]);
});

test('a skeleton in which nothing was done is missing, and the reason says so', async () => {
  const given = { ...submission(), untouched: ['00-fork-exec'] };
  const { verdicts } = await gradeSubmission(given, workerThat(), { ...terms, asked: ['00-fork-exec'] });
  expect(verdicts).toMatchObject([
    { status: 'missing', reason: 'its box.ts is the skeleton as it was handed out, with nothing done' },
  ]);
  expect((await gradeSubmission(given, workerThat(), terms)).verdicts).toEqual([]);
});

test('another error is ours to see', async () => {
  const worker = workerThat(breaks(new TypeError('a bug')));
  await expect(gradeSubmission(submission('00-fork-exec'), worker, terms)).rejects.toThrow('a bug');
});
