// `check`, as somebody uses it at a terminal and in scripts.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { dataDirectory, workshopRoot } from '../../workshop/paths.ts';
import { openFolder, run } from './command.ts';
import { openTerminal } from './terminal.ts';

const solution = path.join(workshopRoot, 'solutions/01-chroot/box.ts');
const skeleton = path.join(workshopRoot, 'levels/00-fork-exec/box.ts');

describe('in a script', () => {
  test('--json: JSON on stdout and nothing else, also where the image is built on the way', async () => {
    using folder = openFolder();
    const home = path.join(folder.path, 'a home');
    const ended = await run(['check', '01', '--solution', '--json'], { env: { BOXWRIGHT_HOME: home } });
    expect(ended.status).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ schema: 'boxwright/check/v1', level: '01-chroot', passed: true });
    expect(ended.stderr).toContain('busybox');
    expect(existsSync(path.join(home, 'images/busybox.tar'))).toBe(true);
  });

  test('a box.ts from a folder with spaces in its name, outside of the checkout', async () => {
    using folder = openFolder();
    const place = path.join(folder.path, 'my own  box');
    mkdirSync(place);
    cpSync(solution, path.join(place, 'box of mine.ts'));
    const ended = await run(['check', '01', '--json', '--file', 'box of mine.ts'], { cwd: place });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ target: 'file', passed: true });
  });

  test('a place in such a file is told by its name on the disk', async () => {
    using folder = openFolder();
    const file = path.join(folder.path, 'my own  box.ts');
    cpSync(skeleton, file);
    const ended = await run(['check', '00', '--json', '--file', file]);
    expect((JSON.parse(ended.stdout) as GradeResult).checks[0]?.at).toEqual({ file, line: expect.any(Number) });
  });

  test('root leaves no file of its own in the checkout', async () => {
    const before = filesOfVitest();
    expect((await run(['check', '00', '--solution', '--json'])).status).toBe(0);
    expect(filesOfVitest()).toEqual(before);
  });

  test('a data folder that cannot be written, with the image in it', async () => {
    using folder = openFolder();
    const home = path.join(folder.path, 'home');
    cpSync(path.join(dataDirectory(), 'images'), path.join(home, 'images'), { recursive: true });
    mkdirSync(path.join(home, 'containers'));
    const readOnly = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`;
    const ended = await run(['check', '01', '--solution', '--json'], {
      before: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', readOnly, home],
      env: { BOXWRIGHT_HOME: home },
    });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect((JSON.parse(ended.stdout) as GradeResult).passed).toBe(true);
  });

  test('a data folder on a filesystem of its own', async () => {
    using folder = openFolder();
    const prepare = `mount -t tmpfs tmpfs "$0" && cp -r "$1" "$0/images" && shift && exec "$@"`;
    const images = path.join(dataDirectory(), 'images');
    const ended = await run(['check', '01', '--solution', '--json'], {
      before: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', prepare, folder.path, images],
      env: { BOXWRIGHT_HOME: folder.path },
    });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  });

  test('--junit and --json at once', async () => {
    using folder = openFolder();
    const junit = path.join(folder.path, 'result.xml');
    const ended = await run(['check', '00', '--json', '--file', skeleton, '--junit', junit]);
    expect(ended).toMatchObject({ status: 1, stderr: '' });
    const { checks } = JSON.parse(ended.stdout) as GradeResult;
    expect(readFileSync(junit, 'utf8').match(/<testcase /g)).toHaveLength(checks.length);
  });

  test('no colours and no symbols that are not text with --plain, no colours without a terminal', async () => {
    const plain = await run(['check', '00', '--file', skeleton, '--plain']);
    expect(plain.stdout).toMatch(/^[\n\x20-\x7E]*$/);
    const piped = await run(['check', '00', '--file', skeleton]);
    expect(piped.stdout).toContain('✗ 00.1');
    expect(piped.stdout).not.toContain('\u001B');
  });

  test('a box.ts that cannot be read as a program', async () => {
    using folder = openFolder();
    const broken = path.join(folder.path, 'box.ts');
    writeFileSync(broken, 'import * as linux from "#linux";\nconst pid = ;\n');
    const ended = await run(['check', '00', '--plain', '--file', broken]);
    expect(ended).toMatchObject({ status: 1, stderr: '' });
    expect(ended.stdout).toMatch(/^look at {3}\S*box\.ts:2$/m);
    expect(ended.stdout).toContain('Node could not read box.ts as a program');
  });

  test('the same seed makes the same choices', async () => {
    const say = async (seed: string) => {
      const { stdout } = await run(['check', '00', '--json', '--seed', seed, '--file', skeleton]);
      return (JSON.parse(stdout) as GradeResult).checks;
    };
    const [one, again] = [await say('a'), await say('a')];
    expect(again).toEqual(one);
  });
});

/** What vitest writes by default, with the time of the last change. */
function filesOfVitest(): string[] {
  const modules = path.join(workshopRoot, 'node_modules');
  const caches = readdirSync(modules).filter((name) => name.startsWith('.vite'));
  return caches.flatMap((cache) =>
    readdirSync(path.join(modules, cache), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${cache}/${name} ${statSync(path.join(modules, cache, name)).mtimeMs}`,
    ),
  );
}

/** The processes of this machine that run the file. */
function processesOf(file: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${file}\0run\0`);
    } catch {
      return false;
    }
  });
}

describe('at a terminal', () => {
  const check = `${process.execPath} workshop/cli/start.mjs check`;

  test.for([40, 60, 200])('%i columns: no line is longer, and none than 80', async (columns) => {
    using terminal = await openTerminal(columns);
    terminal.type(`clear; ${check} 00 --file ${skeleton}; echo "status"": $?"`);
    await terminal.shows(/^status: 1$/m);
    const text = terminal.text();
    expect(text).toContain('✗ 00.1');
    for (const line of text.slice(text.indexOf('✗')).split('\n'))
      expect(line.length).toBeLessThanOrEqual(Math.min(columns, 80));
    expect(terminal.text({ colours: true })).toContain('\u001B[31m✗');
  });

  test('NO_COLOR: words in place of colours', async () => {
    using terminal = await openTerminal();
    terminal.type(`clear; NO_COLOR=1 ${check} 00 --file ${skeleton}; echo "status"": $?"`);
    await terminal.shows(/^status: 1$/m);
    expect(terminal.text({ colours: true })).toMatch(/^FAILED {2}00\.1 /m);
    expect(terminal.text({ colours: true })).not.toContain('\u001B[3');
  });

  test('Ctrl-C: interrupted, status 130, and the terminal is as it was', async () => {
    using terminal = await openTerminal();
    terminal.type('echo "settings before: $(stty -g)"');
    const [, before] = await terminal.shows(/^settings before: (\S+)$/m);
    using folder = openFolder();
    const slow = path.join(folder.path, 'box.ts');
    writeFileSync(slow, 'setInterval(() => {}, 1000);\n');
    terminal.type(`${check} 00 --file '${slow}'; echo "status"": $?"; echo "settings after: $(stty -g)"`);
    await expect.poll(() => processesOf(slow), { timeout: 60_000 }).not.toEqual([]);
    terminal.press('C-c');
    await terminal.shows(/^Interrupted\.$/m);
    const [, after] = await terminal.shows(/^settings after: (\S+)$/m);
    await terminal.shows(/^status: 130$/m);
    expect(after).toBe(before);
  });
});
