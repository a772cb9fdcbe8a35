// What is remembered of a student's work, and what never is.
import {
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { workshopRoot } from '../../workshop/paths.ts';
import type { Progress } from '../../workshop/progress.ts';
import { openFolder, run } from './command.ts';

const solution = path.join(workshopRoot, 'solutions/00-fork-exec/box.ts');
const skeleton = path.join(workshopRoot, 'levels/00-fork-exec/box.ts');
const checks = ['00.1', '00.2', '00.3', '00.4', '00.5', '00.6'];

const nothing: Progress = { schema: 'boxwright/progress/v1', passed: {}, levels: {}, hints: {} };

/** A checkout of a student's own: this one's files, by links, but for the box.ts of level 00. */
function openCheckout(box: string) {
  const folder = openFolder();
  const root = path.join(folder.path, 'a workshop');
  mkdirSync(root);
  for (const name of readdirSync(workshopRoot)) {
    if (['levels', 'workshop', 'progress.json', '.git'].includes(name)) continue;
    symlinkSync(path.join(workshopRoot, name), path.join(root, name));
  }
  cpSync(path.join(workshopRoot, 'levels'), path.join(root, 'levels'), { recursive: true });
  cpSync(path.join(workshopRoot, 'workshop'), path.join(root, 'workshop'), { recursive: true });
  cpSync(box, path.join(root, 'levels/00-fork-exec/box.ts'));
  return {
    root,
    progressFile: path.join(root, 'progress.json'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

function read(file: string): Progress {
  return JSON.parse(readFileSync(file, 'utf8')) as Progress;
}

describe('hints', () => {
  test('go up by one and stay at the last, each check for itself', async () => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    const heads: string[] = [];
    for (const id of ['00.2', '00.2', '00.1', '00.2', '00.2']) {
      const { stdout, status } = await run(['hint', '00', id], { env: { BOXWRIGHT_PROGRESS } });
      expect(status).toBe(0);
      heads.push(stdout.split('\n')[0]!);
    }
    expect(heads).toEqual([
      '00.2, hint 1 of 3',
      '00.2, hint 2 of 3',
      '00.1, hint 1 of 3',
      '00.2, hint 3 of 3',
      '00.2, hint 3 of 3',
    ]);
    expect(read(BOXWRIGHT_PROGRESS)).toEqual({
      schema: 'boxwright/progress/v1',
      passed: {},
      levels: {},
      hints: { '00.1': 1, '00.2': 3 },
    });
    expect(readdirSync(folder.path).toSorted()).toEqual(['bin', 'progress.json']);
  });

  test('without words: the first check that has not passed, of the first level that has not', async () => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    const passed = { '00.1': '2026-01-01T00:00:00.000Z' };
    writeFileSync(
      BOXWRIGHT_PROGRESS,
      JSON.stringify({ schema: 'boxwright/progress/v1', passed, levels: {}, hints: {} }),
    );
    expect((await run(['hint'], { env: { BOXWRIGHT_PROGRESS } })).stdout).toMatch(/^00\.2, hint 1 of 3\n/);
  });

  test('after the last one: where to go on', async () => {
    using folder = openFolder();
    const env = { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') };
    writeFileSync(env.BOXWRIGHT_PROGRESS, JSON.stringify({ ...nothing, hints: { '00.2': 3 } }));
    const { stdout } = await run(['hint', '00.2'], { env });
    expect(stdout).toMatch(/^00\.2, hint 3 of 3\n/);
    expect(stdout).toMatch(/\nThere are no more\. The reference beside yours: npm run diff level-00\n$/);
  });

  test('where a check of an earlier level fails, they and progress say so', async () => {
    using folder = openFolder();
    const env = { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') };
    const passed = Object.fromEntries(['05.1', '05.2', '05.3'].map((id) => [id, '2026-01-01T00:00:00.000Z']));
    writeFileSync(env.BOXWRIGHT_PROGRESS, JSON.stringify({ ...nothing, passed }));
    for (const words of [['level-05'], ['level-05', '05.0'], ['05.0']]) {
      const { stdout, status } = await run(['hint', ...words], { env });
      expect([status, stdout]).toEqual([
        0,
        expect.stringContaining('"npm run check level-05" says which of them fails'),
      ]);
    }
    const { stdout } = await run(['progress'], { env });
    expect(stdout).toMatch(/05-uts-namespace +3\/3 .*a check of an earlier level fails/);
  });

  test('many at once lose nothing', async () => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    const program = path.join(import.meta.dirname, 'programs/keep-hints.ts');
    const times = 50;
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(
      names.map((name) => execa(process.execPath, [program, name, String(times)], { env: { BOXWRIGHT_PROGRESS } })),
    );
    expect(Object.keys(read(BOXWRIGHT_PROGRESS).hints)).toHaveLength(names.length * times);
  });

  test('a lock that a killed command left is no obstacle', async () => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    writeFileSync(`${BOXWRIGHT_PROGRESS}.lock`, '');
    utimesSync(`${BOXWRIGHT_PROGRESS}.lock`, 1, 1);
    expect((await run(['hint', '00', '00.1'], { env: { BOXWRIGHT_PROGRESS } })).status).toBe(0);
    expect(readdirSync(folder.path).toSorted()).toEqual(['bin', 'progress.json']);
  });
});

describe('a file that is no progress of ours: status 3, one sentence, and the file as it was', () => {
  test.for([
    { what: 'cut', text: '{"schema": "boxwright/progress/v1", "pas' },
    { what: 'empty', text: '' },
    { what: 'of another schema', text: '{"schema": "boxwright/progress/v9", "passed": {}, "levels": {}, "hints": {}}' },
    { what: 'without its parts', text: '{"schema": "boxwright/progress/v1"}' },
    { what: 'a list', text: '[]' },
  ])('$what', async ({ text }) => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    writeFileSync(BOXWRIGHT_PROGRESS, text);
    for (const words of [
      ['hint', '00'],
      ['check', '00'],
    ]) {
      const ended = await run(words, { env: { BOXWRIGHT_PROGRESS } });
      expect(ended).toEqual({
        status: 3,
        signal: undefined,
        stdout: '',
        stderr: `Not ready: ${BOXWRIGHT_PROGRESS} cannot be read as progress; move it away to begin anew\n`,
      });
      expect(readFileSync(BOXWRIGHT_PROGRESS, 'utf8')).toBe(text);
    }
  });

  test('a folder in its place', async () => {
    using folder = openFolder();
    const ended = await run(['check', '00'], { env: { BOXWRIGHT_PROGRESS: folder.path } });
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toMatch(/^Not ready: your progress cannot be read: EISDIR/);
  });
});

describe('a grading', () => {
  test('is kept by the ids of its checks; the file belongs to whoever owns the checkout', async () => {
    using checkout = openCheckout(solution);
    const someone = 12345;
    chownSync(checkout.root, someone, someone);
    const start = path.join(checkout.root, 'workshop/cli/start.mjs');
    const first = await run(['check', '00', '--plain'], { start });
    expect(first).toMatchObject({ status: 0, stderr: '' });
    const kept = read(checkout.progressFile);
    expect(Object.keys(kept.passed)).toEqual(checks);
    expect(Object.keys(kept.levels)).toEqual(['00-fork-exec']);
    expect(statSync(checkout.progressFile)).toMatchObject({ uid: someone, gid: someone });

    // A check that fails now is not passed; when the level was first passed stays.
    cpSync(skeleton, path.join(checkout.root, 'levels/00-fork-exec/box.ts'));
    expect((await run(['check', '00', '--plain'], { start })).status).toBe(1);
    const then = read(checkout.progressFile);
    expect(then.levels).toEqual(kept.levels);
    expect(Object.keys(then.passed)).not.toContain('00.1');
    expect(readdirSync(checkout.root).filter((name) => name.startsWith('progress'))).toEqual(['progress.json']);
  });

  test('of the solution, or of another file, is not kept', async () => {
    using folder = openFolder();
    const BOXWRIGHT_PROGRESS = path.join(folder.path, 'progress.json');
    for (const words of [['--solution'], ['--file', solution]]) {
      const ended = await run(['check', '00', '--plain', ...words], { env: { BOXWRIGHT_PROGRESS } });
      expect(ended).toMatchObject({ status: 0, stderr: '' });
    }
    expect(readdirSync(folder.path)).toEqual(['bin']);
  });

  test('gives its verdict also where it cannot be kept', async () => {
    using folder = openFolder();
    const ended = await run(['check', '00', '--plain'], {
      env: { BOXWRIGHT_PROGRESS: path.join(folder.path, 'no-such-folder/progress.json') },
    });
    expect(ended.status).toBe(1);
    expect(ended.stdout).toContain('FAILED  00.1');
    expect(ended.stderr).toMatch(/^Not kept: your progress cannot be kept: ENOENT.*\n$/);
  });
});

test.for(['progress', 'watch level-00'])('a reader that has read enough is no error: %s', async (words) => {
  using folder = openFolder();
  const { stdout, stderr, exitCode } = await execa(
    'bash',
    ['-o', 'pipefail', '-c', `npm run --silent ${words} | head -n 1`],
    { cwd: workshopRoot, env: { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') } },
  );
  expect({ lines: stdout.split('\n').length, stderr, exitCode }).toEqual({ lines: 1, stderr: '', exitCode: 0 });
});
