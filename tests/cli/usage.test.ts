// Wrong uses of the commands: one sentence on stderr that says what is wrong, nothing on stdout, and the right status.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { workshopRoot } from '../../workshop/paths.ts';
import { progressFile } from '../../workshop/progress.ts';
import { nobody, openFolder, run } from './command.ts';

const solution = 'solutions/00-fork-exec/box.ts';

describe('wrong words: status 2, and how it is meant', () => {
  test.for<{ words: string[]; says: string | RegExp }>([
    { words: ['check', 'level-42'], says: 'there is no level "level-42"; there are 00-fork-exec, 01-chroot' },
    { words: ['check', 'chrooot'], says: 'there is no level "chrooot"; there are' },
    { words: ['check', ''], says: 'there is no level ""' },
    { words: ['check', '-1'], says: /unknown option '-1'/i },
    { words: ['check', '001'], says: 'there is no level "001"' },
    { words: ['check', '../00-fork-exec'], says: 'there is no level "../00-fork-exec"' },
    { words: ['check', '00', '--solutoin'], says: /unknown option '--solutoin'/i },
    { words: ['check', '00', '--json=yes'], says: /option '--json' does not take an argument/i },
    { words: ['check', '00', '01'], says: 'check takes one level, or --all' },
    { words: ['check', '00', '--file'], says: /option '--file <value>' argument missing/i },
    { words: ['check', '--file', solution], says: '--file needs a level' },
    { words: ['check', '00', '--file', 'no-such-box.ts'], says: 'there is no file no-such-box.ts' },
    { words: ['check', '00', '--file', 'levels'], says: 'levels is a folder: --file takes a box.ts' },
    { words: ['check', '00', '--file', ''], says: '--file needs a path' },
    { words: ['check', '00', '--solution', '--file', solution], says: '--solution and --file exclude each other' },
    { words: ['check', '--all', '00'], says: '--all goes with neither a level nor --file' },
    { words: ['check', '--all', '--file', solution], says: '--all goes with neither a level nor --file' },
    { words: ['check', '00', '--junit'], says: /option '--junit <value>' argument missing/i },
    { words: ['check', '00', '--junit', '/no/such/folder/x.xml'], says: 'there is no folder /no/such/folder' },
    { words: ['check', '00', '--seed'], says: /option '--seed <value>' argument missing/i },
    { words: ['box'], says: 'which level?' },
    { words: ['box', 'run', 'ls'], says: 'there is no level "run"' },
    { words: ['box', 'level-99', 'run', 'ls'], says: 'there is no level "level-99"' },
    { words: ['box', '--solution', '00', 'run', 'ls'], says: 'the level comes first' },
    { words: ['box', 'bonus-images', 'pull'], says: 'pull takes one image' },
    { words: ['box', 'bonus-images', 'pull', 'a', 'b'], says: 'pull takes one image' },
    { words: ['box', 'bonus-images', 'pull', 'No Name'], says: '"No Name" is no name of an image in a registry' },
    { words: ['box', '04', 'pull', 'debian'], says: 'only bonus-images runs images of a registry' },
    { words: ['hint', 'level-77'], says: 'there is no level "level-77"' },
    { words: ['hint', '00', '00.9'], says: '00-fork-exec has no check "00.9"; it has 00.1, 00.2' },
    { words: ['hint', '00', '01.1'], says: '00-fork-exec has no check "01.1"' },
    { words: ['hint', '00', '00.1', '00.2'], says: 'hint takes a level and a check' },
    { words: ['hint', '00', '--all'], says: /unknown option '--all'/i },
    { words: ['box', '00', '--file', 'no-such-box.ts', 'run', 'ls'], says: 'there is no file no-such-box.ts' },
    { words: ['watch', '00', '01'], says: 'watch takes one level' },
    { words: ['watch', 'level-77'], says: 'there is no level "level-77"' },
    { words: ['trace', 'level-77', 'ls'], says: 'there is no level "level-77"' },
    { words: ['trace', '00', '--file', 'levels', 'ls'], says: 'levels is a folder' },
    { words: ['diff', '00', '01'], says: 'diff takes one level' },
    { words: ['diff', '00'], says: '00-fork-exec has not passed, and this shows the answer' },
    { words: ['diff', '00', '--no'], says: /unknown option '--no'/i },
    { words: ['reset', '00', '01'], says: 'reset takes one level' },
    { words: ['reset', 'level-77'], says: 'there is no level "level-77"' },
    { words: ['progress', '00'], says: 'progress takes no words' },
    { words: ['clean', 'everything'], says: 'clean takes no words' },
    { words: ['setup', '--everything'], says: "unknown option '--everything'" },
    { words: ['setup', 'debian'], says: "unexpected argument 'debian'" },
    { words: ['demo', '00', '01'], says: 'demo takes one level' },
    { words: ['demo', 'level-77'], says: 'there is no level "level-77"' },
    { words: ['demo', '00', '--pause', '--auto', '2'], says: '--pause and --auto exclude each other' },
    { words: ['demo', '00', '--auto', 'soon'], says: '--auto takes a number of seconds, up to 3600: not "soon"' },
    { words: ['demo', '00', '--auto', '0'], says: '--auto takes a number of seconds, up to 3600: not "0"' },
    { words: ['demo', '00', '--auto'], says: /option '--auto <value>' argument missing/i },
    { words: ['demo', '00', '--pause'], says: '--pause waits for keys, and there is no terminal' },
    { words: ['demo', '00', '--mine', '--file', solution], says: '--mine and --file exclude each other' },
    { words: ['demo', '00', '--file', 'no-such-box.ts'], says: 'there is no file no-such-box.ts' },
    { words: ['demo', '00', '--solution'], says: /unknown option '--solution'/i },
    { words: ['grade'], says: 'grade takes one folder' },
    { words: ['grade', 'no-such-folder', '--here'], says: 'there is no folder no-such-folder' },
    { words: ['grade', 'README.md', '--here'], says: 'README.md is a file: grade takes the folder' },
    { words: ['grade', '.', '--here'], says: 'name a folder with nothing but what was handed in' },
    { words: ['grade', '/', '--here'], says: 'name a folder with nothing but what was handed in' },
    { words: ['grade', 'docs', '--here', '--out', 'docs/grades'], says: 'hold one another' },
    { words: ['grade', 'docs', '--here', '--out', '.'], says: 'hold one another' },
    { words: ['grade', 'docs', '--here', '--queue', 'redis://localhost'], says: 'exclude each other' },
    { words: ['grade', 'docs', '--queue', 'localhost:6379'], says: '--queue takes an address such as redis://' },
    { words: ['grade', 'docs', '--here', '--jobs', '0'], says: '--jobs takes a number from 1 on, not "0"' },
    { words: ['grade', 'docs', '--here', '--level-seconds', 'x'], says: '--level-seconds takes a number' },
    { words: ['grade', 'docs', '--here', '--level', 'level-77'], says: 'there is no level "level-77"' },
    { words: ['grade', 'docs', '--here', '--resume', '--out', '/no/such'], says: 'there is no run in /no/such' },
    { words: ['grade-worker', '--here'], says: '--queue is missing' },
    { words: ['grade-worker', '--queue', 'http://localhost', '--here'], says: '--queue takes an address' },
    { words: ['chekc', '00'], says: 'there is no command "chekc"; there are bench, box, check, clean, ' },
    { words: ['../../tests/run', '00'], says: 'there is no command "../../tests/run"' },
    { words: [], says: 'which command? There are bench, box, check, clean, ' },
  ])('$words', async ({ words, says }) => {
    using folder = openFolder();
    const ended = await run(words, { env: { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') } });
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    if (typeof says === 'string') expect(ended.stderr).toContain(says);
    else expect(ended.stderr).toMatch(says);
    expect(ended.stderr).not.toMatch(/\n {4}at |node:internal/);
    expect(ended.stderr.split('\n').length).toBeLessThanOrEqual(3);
    expect(existsSync(path.join(folder.path, 'progress.json'))).toBe(false);
  });
});

test.for([
  ['npm_config_solution', '--solution'],
  ['npm_config_on_host', '--on-host'],
])('an option that npm has taken (%s): status 2, and how to write it', async ([variable, option]) => {
  using folder = openFolder();
  const ended = await run(['check', '00'], { env: { BOXWRIGHT_HOME: folder.path, [variable!]: 'true' } });
  expect(ended).toMatchObject({ status: 2, stdout: '' });
  expect(ended.stderr).toContain(`npm has taken ${option} for itself: write "--" before it`);
});

test.for([['progress'], ['trace', '00', '--solution', '--', 'true']])('NO_COLOR: %s has no colours', async (words) => {
  using folder = openFolder();
  const env = { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json'), FORCE_COLOR: '1' };
  expect((await run(words, { env })).stdout).toContain('\u001B[');
  expect((await run(words, { env: { ...env, NO_COLOR: '1' } })).stdout).not.toContain('\u001B');
});

describe('help: status 0, also beside wrong words', () => {
  test.for([
    ['check', '--help'],
    ['check', '-h', 'level-42', '--wrong'],
    ['box', '--help'],
    ['hint', '--help'],
    ['setup', '--help'],
    ['watch', '--help'],
    ['trace', '--help'],
    ['diff', '--help'],
    ['demo', '--help'],
    ['reset', '--help'],
    ['progress', '--help'],
    ['clean', '--help'],
    ['docs', '--help'],
    ['doctor', '--help'],
    ['bench', '--help'],
    ['grade', '--help'],
    ['grade-worker', '--help'],
  ])('%s %s', async (words) => {
    const ended = await run(words);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^Usage: npm run [a-z:]+ /);
    for (const line of ended.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

/** A Node of another version, in a folder of PATH that npm did not put there. */
async function anotherNode(): Promise<string | undefined> {
  const folders = process.env['PATH']!.split(':').filter((folder) => !folder.includes('node_modules'));
  for (const node of folders.map((folder) => path.join(folder, 'node')).filter((file) => existsSync(file))) {
    const { stdout } = await execa(node, ['--version'], { reject: false });
    if (stdout !== process.version) return node;
  }
  return undefined;
}

describe('a machine that is not ready: status 3, and what to do', () => {
  test('another Node', async ({ skip }) => {
    using folder = openFolder();
    const other = await anotherNode();
    if (other === undefined) return skip('there is no other Node on this machine');
    const ended = await run(['check', '00'], { node: other, env: { BOXWRIGHT_HOME: folder.path } });
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toMatch(/^Not ready: this is Node \d+\.\d+\.\d+, and the workshop needs .*"npm ci"/);
  });

  const closed = run(['check', '--help'], { before: nobody }).then(({ status }) => status !== 0);

  test('no root, and no sudo', async ({ skip }) => {
    if (await closed) return skip('the checkout is closed to other users');
    for (const words of [
      ['check', '00', '--solution'],
      ['box', '00', '--solution', 'run', 'true'],
    ]) {
      const ended = await run(words, { before: nobody, env: { PATH: '/nonexistent' } });
      expect(ended).toMatchObject({ status: 3, stdout: '' });
      expect(ended.stderr).toMatch(/^Not ready: this needs root, and there is no sudo here: .*vagrant up/);
    }
  });

  test('no root: the same command again with sudo, and its status', async ({ skip }) => {
    if (await closed) return skip('the checkout is closed to other users');
    using folder = openFolder();
    const PATH = folder.program('sudo', `printf '[%s]' "$@"; exit 7`);
    const ended = await run(['check', '00', '--seed', 'two  words'], {
      before: nobody,
      env: { PATH, BOXWRIGHT_HOME: '/some/where', BOXWRIGHT_PROGRESS: '/some/progress.json', NO_COLOR: '1' },
    });
    expect(ended.stderr).toBe('This makes containers, which needs root: using sudo.\n');
    expect(ended.stdout).toMatch(/^\[--\]\[env\]/);
    for (const kept of ['BOXWRIGHT_HOME=/some/where', 'BOXWRIGHT_PROGRESS=/some/progress.json', 'NO_COLOR=1']) {
      expect(ended.stdout).toContain(`[${kept}]`);
    }
    expect(ended.stdout).toMatch(/\[[^[\]]*\/check\.ts\]\[00\]\[--seed\]\[two {2}words\]$/);
    expect(ended.status).toBe(7);
  });

  test('no right to make namespaces', async () => {
    using folder = openFolder();
    const progress = path.join(folder.path, 'progress.json');
    for (const words of [
      ['check', '00', '--json'],
      ['box', '00', '--solution', 'run', 'true'],
    ]) {
      const ended = await run(words, {
        before: ['setpriv', '--bounding-set=-sys_admin'],
        env: { BOXWRIGHT_PROGRESS: progress },
      });
      expect(ended).toMatchObject({ status: 3, stdout: '' });
      expect(ended.stderr).toMatch(/^Not ready: .*not permitted.*vagrant up.*--privileged/is);
      expect(existsSync(progress)).toBe(false);
    }
  });

  test('a box.ts that an ordinary user cannot come to, and that is not ours to open', async () => {
    using folder = openFolder();
    const solution = path.join(workshopRoot, 'solutions/bonus-rootless/box.ts');
    const script = 'mount -t tmpfs -o mode=700 tmpfs "$0"; cp "$1" "$0"; shift; exec "$@"';
    const ended = await run(['check', 'bonus-rootless', '--file', path.join(folder.path, 'box.ts')], {
      before: ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, folder.path, solution],
    });
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toMatch(
      /^Not ready: an ordinary user.* may not come to .*box\.ts: .* \(chmod o\+rx [^)]*\)\n$/,
    );
  });

  test('no image, and no network', async () => {
    using folder = openFolder();
    const env = {
      PATH: folder.program('apt-get', 'echo "E: Could not resolve deb.debian.org" >&2; exit 100'),
      BOXWRIGHT_HOME: path.join(folder.path, 'home'),
      BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json'),
    };
    for (const words of [
      ['check', '01', '--json'],
      ['box', '01', '--solution', 'run', 'true'],
    ]) {
      const ended = await run(words, { env });
      expect(ended).toMatchObject({ status: 3, stdout: '' });
      expect(ended.stderr).toContain('Could not resolve deb.debian.org');
      expect(ended.stderr).not.toMatch(/\n {4}at /);
      expect(existsSync(env.BOXWRIGHT_PROGRESS)).toBe(false);
    }
  });

  test('no image, and a data folder that cannot be written', async () => {
    using folder = openFolder();
    const BOXWRIGHT_HOME = '/sys/boxwright';
    const ended = await run(['check', '01', '--json'], {
      env: { BOXWRIGHT_HOME, BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') },
    });
    expect(ended).toMatchObject({ status: 3, stdout: '' });
    expect(ended.stderr).toContain(BOXWRIGHT_HOME);
    expect(ended.stderr).not.toMatch(/\n {4}at /);
  });
});

test('none of it touched the real progress', () => {
  if (existsSync(progressFile)) expect(() => JSON.parse(readFileSync(progressFile, 'utf8'))).not.toThrow();
});
