// What is taken out of an entry: the student's own files and nothing else, whatever form it has and whoever made it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { intakeLimits } from '../../workshop/class/basket.ts';
import { takeIn } from '../../workshop/class/intake.ts';
import { entriesOf, type Submission } from '../../workshop/class/submission.ts';
import { findLevel, numberedLevels, skeletonFile } from '../../workshop/levels.ts';
import { openFolder } from '../cli/command.ts';
import { forms, handIn, tarOf, writeFolder, writeZip } from './archives.ts';
import { type Expected, makeSubmissions } from './submissions.ts';

const box = 'levels/05-uts-namespace/box.ts';

async function take(file: string, asked: string[] | null = null): Promise<Submission> {
  const levels = asked?.map((name) => findLevel(name)!) ?? null;
  return await takeIn({ student: path.basename(file), file }, levels);
}

describe.for(forms)('%s', (form) => {
  test('its files are taken, byte for byte, and not those of others', async () => {
    using folder = openFolder();
    const text = '// ä 🐢\r\nexport {};\n';
    const files = {
      [`mine/${box}`]: text,
      'mine/levels/00-fork-exec/box.ts': 'export {};',
      'mine/solutions/05-uts-namespace/box.ts': 'not mine',
      'mine/node_modules/x/levels/05-uts-namespace/box.ts': 'not mine',
      'mine/levels/05-uts-namespace/README.md': 'x',
      'mine/levels/77-no-such/box.ts': 'x',
      'mine/progress.json': JSON.stringify({
        levels: { '00-fork-exec': '2026-10-01T10:00:00.000Z', '05-uts-namespace': 'yesterday', other: '<b>' },
      }),
    };
    await handIn(folder.path, 'ada', files, form);
    const [entry] = entriesOf(folder.path).filter(({ student }) => student === 'ada');
    const taken = await takeIn(entry!, null);
    expect(taken).toMatchObject({
      student: 'ada',
      problem: null,
      unusable: {},
      boxes: { '00-fork-exec': 'export {};', '05-uts-namespace': text },
      passedAtHome: { '00-fork-exec': '2026-10-01T10:00:00.000Z' },
      commit: form === 'bundle' ? expect.stringMatching(/^[0-9a-f]{40}$/) : null,
    });
    expect(Object.keys(taken.passedAtHome)).toEqual(['00-fork-exec']);
    expect(new Date(taken.handedIn).toISOString()).toBe(taken.handedIn);
    expect((await takeIn(entry!, [findLevel('00')!])).boxes).toEqual({ '00-fork-exec': 'export {};' });
  });
});

describe('entries of no use: one clear sentence', () => {
  let folder: ReturnType<typeof openFolder>;
  let expected: Expected[];
  beforeAll(async () => {
    folder = openFolder();
    expected = (await makeSubmissions(path.join(folder.path, 'all'), true)).filter(
      ({ reason }) => reason !== undefined,
    );
  });
  afterAll(() => folder[Symbol.dispose]());

  test('all of them', async () => {
    const entries = new Map(entriesOf(path.join(folder.path, 'all')).map((entry) => [entry.student, entry]));
    expect(expected.length).toBeGreaterThan(15);
    for (const { student, level, reason } of expected) {
      const started = process.memoryUsage().rss;
      const taken = await takeIn(entries.get(student)!, null);
      const said = level === null ? taken.problem : taken.unusable[level];
      expect.soft(said, student).toContain(reason);
      expect.soft(said, student).not.toContain('\n');
      expect.soft(taken.boxes, student).toEqual({});
      expect.soft(process.memoryUsage().rss - started, student).toBeLessThan(200 * 1024 ** 2);
    }
  });
});

describe('enemies', () => {
  test('a folder: a pipe, a device, a loop of links, and depth without end', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'eve');
    writeFolder(path.join(file, 'levels/05-uts-namespace'), {});
    execFileSync('mkfifo', [path.join(file, box)]);
    expect((await take(file)).unusable).toEqual({ '05-uts-namespace': 'its box.ts is no plain file' });
    fs.rmSync(path.join(file, box));
    fs.symlinkSync('..', path.join(file, 'levels', 'again'));
    fs.symlinkSync(file, path.join(file, 'levels', '00-fork-exec'));
    expect((await take(file)).problem).toContain('it has no file such as');
    fs.mkdirSync(path.join(file, 'd/'.repeat(intakeLimits.depth + 2)), { recursive: true });
    expect((await take(file)).problem).toContain('folders in each other');
  });

  test('more files than anybody looks at', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'many.tar');
    fs.writeFileSync(file, tarOf(Array.from({ length: intakeLimits.files + 1 }, (_, index) => ({ path: `${index}` }))));
    expect((await take(file)).problem).toContain('files');
  });

  test('a tar whose header lies about a size, and a hard link', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'lie.tar');
    fs.writeFileSync(file, tarOf([{ path: box, content: 'x', size: 2 ** 33 - 1 }]));
    expect((await take(file)).problem ?? (await take(file)).unusable['05-uts-namespace']).toMatch(/larger|cut off/);
    fs.writeFileSync(file, tarOf([{ path: box, type: 'Link', linkpath: '/etc/shadow' }]));
    expect((await take(file)).unusable).toEqual({ '05-uts-namespace': 'its box.ts is no plain file' });
  });

  test('a zip whose directory lies about a size', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'lie.zip');
    await writeZip(file, { [box]: `// ${'x'.repeat(intakeLimits.box + 10)}` });
    const bytes = fs.readFileSync(file);
    // The central directory: the size as unpacked stands 24 bytes after its signature. See the .ZIP specification.
    const entry = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(10, entry + 24);
    fs.writeFileSync(file, bytes);
    expect((await take(file)).problem).toContain('damaged');
  });

  test('a bundle with a filter, a submodule and a link', async () => {
    using folder = openFolder();
    const [mark, checkout] = [path.join(folder.path, 'ran'), path.join(folder.path, 'checkout')];
    writeFolder(checkout, {
      '.gitattributes': '* filter=evil\n',
      'levels/00-fork-exec/box.ts': 'export {};',
      '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = -u./evil\n',
    });
    fs.mkdirSync(path.dirname(path.join(checkout, box)), { recursive: true });
    fs.symlinkSync('/etc/passwd', path.join(checkout, box));
    const git = (...words: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=E', '-c', 'user.email=e@example.org', ...words], { cwd: checkout });
    git('init', '--quiet');
    git('config', 'filter.evil.smudge', `touch ${mark}`);
    git('add', '--all');
    git('commit', '--quiet', '--message=x');
    const file = path.join(folder.path, 'eve.bundle');
    git('bundle', 'create', '--quiet', file, 'HEAD');
    expect(await take(file)).toMatchObject({
      boxes: { '00-fork-exec': 'export {};' },
      unusable: { '05-uts-namespace': 'its box.ts is no plain file' },
    });
    expect(fs.existsSync(mark)).toBe(false);
  });
});

describe('bytes of any kind: a reason in one line, and never an error', () => {
  /** Numbers from 0 to below 1 that look random and are the same each time. */
  function openDice(): () => number {
    let state = 1;
    return () => {
      state = (state * 1_664_525 + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
  }

  const dice = openDice();
  const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => dice() * 256));
  const head = (hexadecimal: string) => (): Buffer => Buffer.concat([Buffer.from(hexadecimal, 'hex'), noise(1500)]);
  const archive = tarOf([{ path: box, content: 'export {};\n'.repeat(200) }]);
  /** Cut off somewhere or not, and with a few other bytes. */
  const spoilt = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes.subarray(0, Math.ceil((dice() + 0.5) * bytes.length)));
    for (let times = 0; times < 4; times += 1) copy[Math.floor(dice() * copy.length)] = dice() * 256;
    return copy;
  };
  const kinds: Record<string, () => Buffer> = {
    noise: () => noise(1 + Math.floor(dice() * 1500)),
    'one byte, again and again': () => Buffer.alloc(600, dice() * 256),
    'like a PNG': head('89504e470d0a1a0a'),
    'like a JPEG': head('ffd8ffe000104a46494600'),
    'like a zip': head('504b0304'),
    'like a gzip': head('1f8b0800'),
    'a spoilt tar': () => spoilt(archive),
    'a spoilt tar in a gzip': () => gzipSync(spoilt(archive)),
    'a spoilt gzip': () => spoilt(gzipSync(archive)),
  };

  async function reasonsOf(bytes: () => Buffer, times: number): Promise<void> {
    using folder = openFolder();
    const file = path.join(folder.path, 'ada');
    for (let index = 0; index < times; index += 1) {
      fs.writeFileSync(file, bytes());
      const { problem, boxes, unusable } = await take(file);
      if (problem === null) expect([...Object.keys(boxes), ...Object.keys(unusable)]).not.toEqual([]);
      else expect(problem).toMatch(/^it[ s].+$/);
    }
  }

  test.for(Object.keys(kinds))('%s', async (kind) => {
    await reasonsOf(kinds[kind]!, 40);
  });

  test('a spoilt zip', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'right.zip');
    await writeZip(file, { [box]: 'export {};\n'.repeat(200) });
    const bytes = fs.readFileSync(file);
    await reasonsOf(() => spoilt(bytes), 40);
  });

  test('no number where a tar has one', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'picture.png');
    fs.writeFileSync(file, Buffer.alloc(600, 0xd8));
    expect((await take(file)).problem).toBe('it is neither a folder nor a tar, zip or git bundle');
  });

  test('an entry that is gone by now', async () => {
    expect((await take('/no/such/entry')).problem).toMatch(/^it cannot be read \(ENOENT/);
  });
});

test('one file without its folder, where it is clear what it is for', async () => {
  using folder = openFolder();
  const file = path.join(folder.path, 'ada');
  writeFolder(file, { 'box.ts': 'export {};' });
  expect((await take(file, ['05'])).boxes).toEqual({ '05-uts-namespace': 'export {};' });
  expect(await take(file, ['05', '06'])).toMatchObject({ problem: null, boxes: {} });
  expect((await take(file)).problem).toContain('it has no file such as');
  const bonus = path.join(folder.path, 'bob');
  writeFolder(bonus, { 'bonus-network/box.ts': 'export {};' });
  expect(await take(bonus, ['05'])).toMatchObject({ problem: null, boxes: {} });
});

test('who lacks the level that was asked for handed in nothing wrong, unless it cannot be read', async () => {
  using folder = openFolder();
  const [empty, other, text] = ['empty', 'other', 'text'].map((name) => path.join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  writeFolder(empty, {});
  writeFolder(other, { 'levels/00-fork-exec/box.ts': 'export {};' });
  fs.writeFileSync(text, 'I was ill.');
  for (const file of [empty, other]) expect(await take(file, ['05'])).toMatchObject({ problem: null, boxes: {} });
  expect((await take(text, ['05'])).problem).toContain('neither a folder nor');
});

test('bonus levels alone: the reason says that they are not graded', async () => {
  using folder = openFolder();
  const file = path.join(folder.path, 'ada');
  writeFolder(file, { 'levels/bonus-network/box.ts': 'export {};' });
  expect((await take(file)).problem).toBe('it has only bonus levels, which are not graded for a class');
});

describe('a skeleton in which nothing was done counts as not handed in', () => {
  const skeleton = (name: string): string => fs.readFileSync(skeletonFile(findLevel(name)!), 'utf8');

  test('in a checkout of which one level was done', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'ada');
    writeFolder(file, {
      ...Object.fromEntries(numberedLevels().map(({ name }) => [`levels/${name}/box.ts`, skeleton(name)])),
      [box]: `${skeleton('05')}// mine\n`,
    });
    expect(await take(file)).toMatchObject({ problem: null, boxes: { '05-uts-namespace': expect.any(String) } });
    expect(Object.keys((await take(file)).boxes)).toEqual(['05-uts-namespace']);
    expect(await take(file, ['06'])).toMatchObject({ problem: null, boxes: {}, untouched: ['06-pid-namespace'] });
  });

  test.for([
    { what: 'as it is', changed: skeleton('05') },
    { what: 'with the line endings of Windows', changed: skeleton('05').replaceAll('\n', '\r\n') },
    { what: 'with blanks at the ends', changed: `${skeleton('05').replaceAll('\n', '  \n')}\n\n` },
    { what: 'without the last newline', changed: skeleton('05').trimEnd() },
  ])('$what', async ({ changed }) => {
    using folder = openFolder();
    const file = path.join(folder.path, 'ada');
    writeFolder(file, { [box]: changed });
    expect((await take(file)).problem).toBe('nothing is done in it: each box.ts is the skeleton as it was handed out');
  });

  test('a level begun is graded, also where hardly anything is done', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'ada');
    writeFolder(file, { [box]: skeleton('05').replace('TODO', 'todo') });
    expect(Object.keys((await take(file)).boxes)).toEqual(['05-uts-namespace']);
  });
});

test('students are named as their entries are, and nobody is lost', () => {
  using folder = openFolder();
  const names = ['ada.zip', 'bob', 'bob.tar.gz', 'c.d.bundle', '.DS_Store', '.zip', 'notes.txt', 'Ä🐢'];
  for (const name of names) fs.writeFileSync(path.join(folder.path, name), '');
  fs.rmSync(path.join(folder.path, 'bin'), { recursive: true });
  const students = entriesOf(folder.path).map(({ student }) => student);
  expect(students).toEqual(['ada', 'bob', 'bob.tar.gz', 'c.d', 'notes.txt', 'Ä🐢']);
});
