// The queue between machines, on a real Redis: whatever dies, everybody is graded once as far as anyone can see, nobody
// is lost, and no verdict is another's. The workers' grader is the test's own (programs/queue-worker.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { GradingTerms } from '../../workshop/class/grade-submission.ts';
import { type Journal, openJournal } from '../../workshop/class/journal.ts';
import type { GradingQueue } from '../../workshop/class/queue.ts';
import { openRedisQueue } from '../../workshop/class/redis-queue.ts';
import type { Submission } from '../../workshop/class/submission.ts';
import { openFolder } from '../cli/command.ts';
import { openLine, openRedis } from './redis.ts';

/** Milliseconds without a sign of life after which a worker has lost what it had. */
const LOCK = 1000;

const terms: GradingTerms = {
  limits: { check: 10, level: 60, student: 60 },
  hidden: [],
  graderVersion: 'test',
  asked: null,
  salt: 'salt',
};

type Kind = 'passed' | 'failed' | 'fault';

function submission(index: number, kind: Kind, milliseconds: number): Submission {
  return {
    student: `${kind}-${index}`,
    boxes: { '00-fork-exec': `// ${JSON.stringify({ student: `${kind}-${index}`, verdict: kind, milliseconds })}\n` },
    unusable: {},
    untouched: [],
    problem: null,
    handedIn: '2026-11-24T12:00:00.000Z',
    commit: null,
    passedAtHome: {},
  };
}

/** A class of that many, half of whom pass. */
function submissions(count: number, milliseconds: number): Submission[] {
  return Array.from({ length: count }, (_, index) =>
    submission(index, index % 2 === 0 ? 'passed' : 'failed', milliseconds),
  );
}

/** What all tests here need: a folder, workers that can be killed, and a producer whose outcomes go to a journal. */
function openScene(): AsyncDisposable & {
  folder: string;
  worker(url: string): ChildProcess;
  /** The levels that workers began, by student. */
  begun(): Map<string, number>;
  /** How many of them a worker began. */
  begunBy(worker: ChildProcess): number;
  produce(url: string, list: readonly Submission[]): Promise<void>;
  journal: Journal;
} {
  const folder = openFolder();
  const log = path.join(folder.path, 'begun');
  fs.writeFileSync(log, '');
  const workers: ChildProcess[] = [];
  const journal = openJournal(folder.path, { faultsAgain: true });
  return {
    folder: folder.path,
    journal,
    worker(url) {
      const program = path.join(import.meta.dirname, 'programs', 'queue-worker.ts');
      const child = spawn(process.execPath, [program, url, String(LOCK), log], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      workers.push(child);
      return child;
    },
    begun() {
      const lines = fs.readFileSync(log, 'utf8').trimEnd().split('\n').filter(Boolean);
      const students = lines.map((line) => (JSON.parse(line.slice(line.indexOf('{'))) as { student: string }).student);
      return new Map([...Map.groupBy(students, (name) => name)].map(([name, times]) => [name, times.length]));
    },
    begunBy({ pid }) {
      return fs
        .readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(`${pid} `)).length;
    },
    async produce(url, list) {
      await using queue = await openQueue(url, journal);
      for (const one of list) await queue.put(one);
      await queue.drained();
    },
    async [Symbol.asyncDispose]() {
      for (const child of workers) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      journal[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

async function openQueue(url: string, journal: Journal): Promise<GradingQueue> {
  return await openRedisQueue(url, 'a-run', terms, (outcome) => void journal.add(outcome));
}

/** Everybody once, each with their own verdict. */
function expectAll(journal: Journal, list: readonly Submission[]): void {
  const found = [...journal.outcomes()].map(
    ({ student, verdicts }) => `${student} ${verdicts.map(({ status }) => status)}`,
  );
  const wanted = list.map(({ student }) => `${student} ${student.split('-')[0]}`);
  expect(found).toEqual(wanted.toSorted());
}

/** Waits until something is so; for ever if it never is, which the test's own limit ends. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await delay(20);
}

describe('everybody is graded once', () => {
  test('by several workers, and nothing stays in Redis', async () => {
    await using redis = await openRedis({ persistent: true });
    await using scene = openScene();
    for (let count = 0; count < 3; count += 1) scene.worker(redis.url);
    const list = submissions(120, 5);
    await scene.produce(redis.url, list);
    expectAll(scene.journal, list);
    expect([...scene.begun().values()].every((times) => times === 1)).toBe(true);
    expect(scene.begun().size).toBe(list.length);
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    expect((await client.keys('bull:*')).filter((key) => /:[0-9a-f]{32}/.test(key))).toEqual([]);
    client.disconnect();
  });

  test('workers are killed in the middle of their work', async () => {
    await using redis = await openRedis({ persistent: true });
    await using scene = openScene();
    const list = submissions(40, 150);
    const done = scene.produce(redis.url, list);
    for (let killed = 0; killed < 3; killed += 1) {
      const victim = scene.worker(redis.url);
      // It has only just begun these.
      await until(() => scene.begunBy(victim) >= 2);
      victim.kill('SIGKILL');
    }
    scene.worker(redis.url);
    await done;
    expectAll(scene.journal, list);
    expect(Math.max(...scene.begun().values())).toBeGreaterThan(1);
  });

  test.for([
    { what: 'Redis is killed and started again, and knows what it knew', persistent: true },
    { what: 'Redis forgets everything', persistent: false },
  ])('$what', async ({ persistent }) => {
    await using redis = await openRedis({ persistent });
    await using scene = openScene();
    scene.worker(redis.url);
    scene.worker(redis.url);
    const list = submissions(40, 100);
    const done = scene.produce(redis.url, list);
    for (let restarts = 0; restarts < 2; restarts += 1) {
      await until(() => scene.journal.size > 8 * (restarts + 1));
      await redis.kill();
      await redis.start();
    }
    await done;
    expectAll(scene.journal, list);
  });

  test('a worker is cut off until others have its work, and then comes back', async () => {
    await using redis = await openRedis({ persistent: true });
    await using line = await openLine(redis.port);
    await using scene = openScene();
    const list = submissions(24, 100);
    const cutOff = scene.worker(line.url);
    const done = scene.produce(redis.url, list);
    await until(() => scene.begunBy(cutOff) >= 2);
    line.cut();
    scene.worker(redis.url);
    await done;
    expectAll(scene.journal, list);
    expect(Math.max(...scene.begun().values())).toBeGreaterThan(1);
    // It goes on as before, and what it finished late is nobody's outcome.
    line.mend();
    const more = submissions(60, 20).slice(24);
    await scene.produce(redis.url, more);
    expectAll(scene.journal, [...list, ...more]);
    expect(cutOff.exitCode).toBeNull();
  });

  test('whoever put them in is killed, and a new one goes on', async () => {
    await using redis = await openRedis({ persistent: true });
    await using scene = openScene();
    const list = submissions(30, 100);
    {
      await using queue = await openQueue(redis.url, scene.journal);
      for (const one of list.slice(0, 20)) await queue.put(one);
      scene.worker(redis.url);
      await until(() => scene.journal.size >= 3);
    }
    const known = scene.journal.size;
    await until(() => scene.begun().size > known + 5);
    await scene.produce(
      redis.url,
      list.filter(({ student }) => !scene.journal.has(student)),
    );
    expectAll(scene.journal, list);
    // What was graded while nobody was there to hear of it is not graded again.
    expect([...scene.begun().values()].every((times) => times === 1)).toBe(true);
  });
});

test('a fault of ours is tried again, and never becomes a score', async () => {
  await using redis = await openRedis({ persistent: true });
  await using scene = openScene();
  scene.worker(redis.url);
  const list = [submission(0, 'passed', 5), submission(1, 'fault', 5), submission(2, 'failed', 5)];
  await scene.produce(redis.url, list);
  expectAll(scene.journal, list);
  const [fault] = [...scene.journal.outcomes()].filter(({ student }) => student === 'fault-1');
  expect(fault!.verdicts[0]).toMatchObject({ status: 'fault', checksPassed: 0, result: null });
  expect(fault!.verdicts[0]!.reason).toContain('it broke on purpose');
  // Three times on a machine, three times over.
  expect(scene.begun().get('fault-1')).toBe(9);
});

test('graders of another version do not take the work', async () => {
  await using redis = await openRedis({ persistent: true });
  await using scene = openScene();
  scene.worker(redis.url);
  await using other = await openRedisQueue(redis.url, 'a-run', { ...terms, graderVersion: 'other' }, () => {
    throw new Error('somebody graded it');
  });
  await other.put(submission(0, 'passed', 5));
  await scene.produce(redis.url, submissions(6, 5));
  expect([...scene.begun().keys()].toSorted()).toEqual(
    submissions(6, 5)
      .map(({ student }) => student)
      .toSorted(),
  );
  expect(other.state()).toBe('no worker is there');
});
