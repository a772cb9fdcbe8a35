// npm run grade, as an instructor runs it: on this machine, with real graders.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test, vi } from 'vitest';
import { openHereWorker } from '../../workshop/class/here-worker.ts';
import { findLevel } from '../../workshop/levels.ts';
import { dataDirectory, runDirectory, workshopRoot } from '../../workshop/paths.ts';
import { openFolder, run } from '../cli/command.ts';
import { writeFolder } from './archives.ts';
import { openRedis } from './redis.ts';
import { compare, makeSubmissions, readVerdicts } from './submissions.ts';

// Milliseconds; against hanging only.
vi.setConfig({ testTimeout: 1_800_000 });

const start = path.join(workshopRoot, 'workshop/cli/start.mjs');
const solution = fs.readFileSync(path.join(workshopRoot, 'solutions/00-fork-exec/box.ts'), 'utf8');
const box = 'levels/00-fork-exec/box.ts';

/** A folder with that many students, who all have the same. */
function classIn(folder: string, count: number, text = solution): string {
  const submissions = path.join(folder, 'submissions');
  for (let index = 0; index < count; index += 1) writeFolder(path.join(submissions, `s${index}`), { [box]: text });
  return submissions;
}

function begin(...words: string[]): Begun {
  return beginWith({}, ...words);
}

type Begun = {
  child: ChildProcess;
  stderr: () => string;
  end: Promise<[number | null, string | null]>;
};

/** @param env what its environment has besides the test's own */
function beginWith(env: Record<string, string>, ...words: string[]): Begun {
  const child = spawn(process.execPath, [start, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return { child, stderr: () => stderr, end: once(child, 'exit') as Promise<[number | null, string | null]> };
}

function journalLines(out: string): string[] {
  const file = path.join(out, 'journal.jsonl');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

/** What a process left that is gone: files before it, and testbeds. */
function leftBy(pid: number): string[] {
  const list = (folder: string): string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : []);
  return [...list(path.join(dataDirectory(), 'staging')), ...list(path.join(runDirectory, 'testbeds'))].filter((name) =>
    name.startsWith(`${pid}-`),
  );
}

test('verdicts of known programs, and a row for each entry of no use', async () => {
  using folder = openFolder();
  const expected = await makeSubmissions(path.join(folder.path, 'submissions'), true);
  const out = path.join(folder.path, 'out');
  const ended = await run(['grade', path.join(folder.path, 'submissions'), '--here', '--out', out]);
  expect(ended.stderr).not.toContain('broke');
  expect(ended.status).toBe(0);
  const verdicts = readVerdicts(path.join(out, 'results.jsonl'));
  expect(compare(verdicts, expected)).toEqual([]);
  const ajv = new Ajv2020({ allErrors: true });
  for (const name of ['check', 'grade']) {
    ajv.addSchema(JSON.parse(fs.readFileSync(path.join(workshopRoot, `docs/${name}.schema.json`), 'utf8')) as object);
  }
  for (const verdict of verdicts) {
    ajv.validate('boxwright/grade/v1', verdict);
    expect(ajv.errors).toBeNull();
  }
  // The paths are those of the student, not ours.
  expect(fs.readFileSync(path.join(out, 'results.jsonl'), 'utf8')).not.toContain('/staging/');
  expect(fs.readFileSync(path.join(out, 'students/wrong-05-another-id/feedback.txt'), 'utf8')).toMatch(
    /^look at {3}levels\/05-uts-namespace\/box\.ts:\d+$/m,
  );
});

test('a submission sees neither the others, nor the results, nor what is graded beside it', async () => {
  using folder = openFolder();
  const out = path.join(folder.path, 'out');
  const submissions = path.join(folder.path, 'submissions');
  const staging = path.join(dataDirectory(), 'staging');
  const spy = `
    import { spawnSync } from 'node:child_process';
    import fs from 'node:fs';
    const places = ${JSON.stringify([submissions, out, staging])};
    const seen = [];
    const look = (again) => {
      for (const place of places) {
        let names = [];
        try { names = fs.readdirSync(place, { recursive: true, withFileTypes: true }); } catch {}
        for (const entry of names) if (entry.isFile()) seen.push(again + entry.parentPath + '/' + entry.name);
      }
      for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))) {
        for (const name of ['cmdline', 'environ']) {
          let text = '';
          try { text = fs.readFileSync('/proc/' + pid + '/' + name, 'utf8'); } catch {}
          if (text.includes('vitest') || text.includes('BOXWRIGHT_HIDDEN')) seen.push('process ' + pid);
        }
      }
    };
    look('');
    // What root can do about it.
    for (const place of places) {
      for (const words of [['umount', '-l', place], ['rm', '-rf', place], ['mount', '--bind', '/', '/mnt']]) spawnSync(words[0], words.slice(1));
    }
    for (const name of fs.readdirSync('/proc/1/fd')) {
      try { fs.rmSync('/proc/1/fd/' + name + '/', { recursive: true, force: true }); } catch {}
    }
    look('after all: ');
    console.error('SPY', seen.join(' SAW '), 'END');
    process.exitCode = 1;
  `;
  const secret = `// SECRET-OF-ANOTHER\n${solution}`;
  writeFolder(path.join(submissions, 'spy'), { [box]: spy });
  for (const name of ['ada', 'bob', 'zoe']) writeFolder(path.join(submissions, name), { [box]: secret });
  const ended = await run(['grade', submissions, '--here', '--out', out, '--jobs', '2']);
  expect(ended.status).toBe(0);
  const verdicts = readVerdicts(path.join(out, 'results.jsonl'));
  expect(verdicts.map(({ student, status }) => `${student} ${status}`)).toEqual([
    'ada passed',
    'bob passed',
    'spy failed',
    'zoe passed',
  ]);
  const said = JSON.stringify(verdicts.find(({ student }) => student === 'spy'));
  const [, seen] = /SPY (.*?) END/.exec(said) ?? [];
  expect(seen).toBeDefined();
  // Only its own file, as it is at home, and no more after all that root can do.
  expect(seen!.split(' SAW ').filter((name) => name !== box)).toEqual([]);
  expect(said).not.toContain('SECRET-OF-ANOTHER');
});

test('killed in the middle and resumed: nobody is lost, and nobody graded twice', async () => {
  using folder = openFolder();
  const [submissions, out] = [classIn(folder.path, 6), path.join(folder.path, 'out')];
  const first = begin('grade', submissions, '--here', '--out', out, '--jobs', '1');
  while (journalLines(out).length < 2) await delay(20);
  first.child.kill('SIGKILL');
  await first.end;
  const known = journalLines(out);
  expect(known.length).toBeLessThan(6);
  // Half a line, as it may be left.
  fs.appendFileSync(path.join(out, 'journal.jsonl'), '{"student":"s5","verd');

  const resumed = await run(['grade', submissions, '--here', '--out', out, '--resume']);
  expect(resumed).toMatchObject({ status: 0 });
  expect(resumed.stdout).toMatch(/^6 students; levels: 6 passed\n/);
  const lines = journalLines(out);
  expect(lines.slice(0, known.length)).toEqual(known);
  expect(lines.map((line) => (JSON.parse(line) as { student: string }).student).toSorted()).toEqual([
    's0',
    's1',
    's2',
    's3',
    's4',
    's5',
  ]);
  expect(leftBy(first.child.pid!)).toEqual([]);

  // Once more: there is nothing to do, and everything is as it was.
  const table = fs.readFileSync(path.join(out, 'results.csv'), 'utf8');
  expect((await run(['grade', submissions, '--here', '--out', out, '--resume'])).status).toBe(0);
  expect(fs.readFileSync(path.join(out, 'results.csv'), 'utf8')).toBe(table);
});

test('Ctrl-C: what is known is written, and nothing is left', async () => {
  using folder = openFolder();
  const [submissions, out] = [classIn(folder.path, 6), path.join(folder.path, 'out')];
  const grading = begin('grade', submissions, '--here', '--out', out, '--jobs', '2');
  while (journalLines(out).length < 1) await delay(20);
  grading.child.kill('SIGINT');
  expect(await grading.end).toEqual([130, null]);
  expect(grading.stderr()).toMatch(/Interrupted\.\n\d of 6 students (is|are) graded; go on with --resume\n$/);
  const rows = fs.readFileSync(path.join(out, 'results.csv'), 'utf8').trimEnd().split('\n').slice(1);
  expect(rows).toHaveLength(journalLines(out).length);
  expect(leftBy(grading.child.pid!)).toEqual([]);
});

test('broken in the middle: what is known is written, and it ends at once, with nothing left', async () => {
  using folder = openFolder();
  const [submissions, out] = [classIn(folder.path, 2), path.join(folder.path, 'out')];
  const never = fs.readFileSync(path.join(workshopRoot, 'tests/grading/attacks/never-ends.ts'), 'utf8');
  writeFolder(path.join(submissions, 'never'), { [box]: never });
  // The disk breaks when the second outcome is to be kept.
  const breaking = path.join(folder.path, 'breaking.mjs');
  fs.writeFileSync(
    breaking,
    `import fs from 'node:fs';
    let times = 0;
    fs.fdatasyncSync = () => {
      times += 1;
      if (times === 2) throw new Error('the disk broke');
    };`,
  );
  const started = performance.now();
  const words = ['grade', submissions, '--here', '--out', out, '--jobs', '3', '--check-seconds', '900'];
  const grading = beginWith({ NODE_OPTIONS: `--import=${breaking}` }, ...words);
  expect(await grading.end).toEqual([4, null]);
  expect((performance.now() - started) / 1000).toBeLessThan(400);
  expect(grading.stderr()).toContain('1 of 3 students is graded; go on with --resume\nThe workshop itself broke');
  expect(grading.stderr()).toContain('the disk broke');
  expect(fs.readFileSync(path.join(out, 'results.csv'), 'utf8')).toMatch(/\ns\d,00-fork-exec,6,6,passed,.*\n$/);
  expect(leftBy(grading.child.pid!)).toEqual([]);
});

test('a worker that holds nothing ends at once, also where there is no Redis', async () => {
  const worker = begin('grade-worker', '--queue', 'redis://127.0.0.1:1', '--here', '--jobs', '1');
  while (!worker.stderr().includes('Redis is away')) await delay(20);
  worker.child.kill('SIGTERM');
  expect(await Promise.race([worker.end, delay(60_000, 'it goes on')])).toEqual([0, null]);
});

test('entries of no use are counted as entries, and one is one', async () => {
  using folder = openFolder();
  const submissions = path.join(folder.path, 'submissions');
  writeFolder(submissions, { 'picture.png': Buffer.alloc(700, 0xd8) });
  const words = ['grade', submissions, '--here', '--out'];
  const one = await run([...words, path.join(folder.path, 'one')]);
  expect(one).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^1 student; levels: none; 1 entry unusable\n/),
  });
  writeFolder(submissions, { 'notes.txt': 'I was ill.' });
  const two = await run([...words, path.join(folder.path, 'two'), '--level', '5']);
  expect(two.stdout).toMatch(/^2 students; levels: none; 2 entries unusable\n/);
});

test('a level that takes too long is stopped, and the next student is graded as ever', async () => {
  await using worker = openHereWorker(0);
  const level = findLevel('00')!;
  const never = fs.readFileSync(path.join(workshopRoot, 'tests/grading/attacks/never-ends.ts'), 'utf8');
  const job = { level, seed: 'x', hidden: [], check: 300 };
  await expect(worker.grade({ ...job, text: never, seconds: 5 })).rejects.toThrow('it took longer than 5 seconds');
  expect((await worker.grade({ ...job, text: solution, check: 10, seconds: 600 })).passed).toBe(true);
});

test('by way of a queue, with workers of which one is killed', async () => {
  using folder = openFolder();
  await using redis = await openRedis({ persistent: true });
  const submissions = classIn(folder.path, 6);
  writeFolder(path.join(submissions, 'wrong'), { [box]: 'console.log(1);\n' });
  const out = path.join(folder.path, 'out');
  const worker = (): ReturnType<typeof begin> =>
    begin('grade-worker', '--queue', redis.url, '--here', '--jobs', '1', '--lock-seconds', '3');
  const victim = worker();
  const grading = begin('grade', submissions, '--queue', redis.url, '--out', out);
  while (journalLines(out).length < 1) await delay(20);
  victim.child.kill('SIGKILL');
  await victim.end;
  const other = worker();
  expect(await grading.end).toEqual([0, null]);
  other.child.kill('SIGTERM');
  expect(await other.end).toEqual([0, null]);
  const verdicts = readVerdicts(path.join(out, 'results.jsonl')).map(({ student, status }) => `${student} ${status}`);
  expect(verdicts).toEqual([...Array.from({ length: 6 }, (_, index) => `s${index} passed`), 'wrong failed']);
  expect([...leftBy(victim.child.pid!), ...leftBy(other.child.pid!)]).toEqual([]);
});

describe('wrong words', () => {
  test('a run is neither overwritten nor mixed with another', async () => {
    using folder = openFolder();
    const submissions = path.join(folder.path, 'submissions');
    fs.mkdirSync(submissions);
    const out = path.join(folder.path, 'out');
    const words = ['grade', submissions, '--here', '--out', out];
    expect((await run([...words, '--resume'])).stderr).toContain('there is no run in');
    expect(await run(words)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 students; levels: none\n/) });
    expect(await run(words)).toMatchObject({ status: 2, stderr: expect.stringContaining('go on with --resume') });
    for (const [option, says] of [
      [['--level', '05'], 'does not take --level'],
      [['--check-seconds', '5'], 'does not take --check-seconds'],
    ] as const) {
      expect((await run([...words, '--resume', ...option])).stderr).toContain(says);
    }
    const terms = path.join(out, 'run.json');
    const text = fs.readFileSync(terms, 'utf8');
    fs.writeFileSync(terms, text.replace(/"graderVersion": ".*"/, '"graderVersion": "0.0.1+old"'));
    expect(await run([...words, '--resume'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('begin a new one'),
    });
    fs.writeFileSync(terms, text);
    fs.writeFileSync(path.join(out, 'lock'), '999999999');
    expect((await run([...words, '--resume'])).status).toBe(0);
  });

  test('a level that is not graded for a class: before anything is written', async () => {
    using folder = openFolder();
    const out = path.join(folder.path, 'out');
    const words = ['grade', classIn(folder.path, 1), '--here', '--out', out, '--level'];
    expect(await run([...words, 'bonus-network'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^bonus levels are not graded for a class: /),
    });
    const { status, stderr } = await run([...words, '77']);
    expect(status).toBe(2);
    expect(stderr).toContain('there are 00-fork-exec, ');
    expect(stderr).not.toContain('bonus');
    expect(fs.existsSync(out)).toBe(false);
  });
});
