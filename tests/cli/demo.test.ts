// The demo: what it says of every level, the keys of its screen, and programs that do not do what they should.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { allMeanings, LONGEST, meaningOfCall } from '../../workshop/demo/meanings.ts';
import type { Line, Row, Scene } from '../../workshop/demo/scene.ts';
import { screenOf } from '../../workshop/demo/screen.ts';
import { allLevels, type Level, neighbours, solutionFile } from '../../workshop/levels.ts';
import { runDirectory, workshopRoot } from '../../workshop/paths.ts';
import { progressFile } from '../../workshop/progress.ts';
import { ofThisTurn } from '../turns.ts';
import { openFolder, run } from './command.ts';
import { openTerminal, prompt, type Terminal } from './terminal.ts';

/** What starts it, in the checkout. */
const start = [process.execPath, 'workshop/cli/start.mjs', 'demo'] as const;

/** What it prints of a step, from its heading to the next one's. */
function stepsOf(stdout: string): string[] {
  return stdout.split(/^(?=\d+\. )/m).slice(1);
}

/** The step whose call begins like that. */
function step(stdout: string, call: string | RegExp): string {
  const found = stepsOf(stdout).find((text) =>
    text.split('\n').some((line) => (typeof call === 'string' ? line.startsWith(`  ${call}`) : call.test(line))),
  );
  if (found === undefined) throw new Error(`there is no step ${call} in:\n${stdout}`);
  return found;
}

/** What there is in the line of that label: the host's side, and the container's. */
function row(text: string, label: string): { host: string; container: string } {
  const line = text.split('\n').findLast((one) => one.startsWith(`  ${label} `) || one === `  ${label}`);
  if (line === undefined) throw new Error(`there is no ${label} in:\n${text}`);
  const [, host = '', container = ''] = /^.{18}(.{40})(?: {2}(.*))?$/.exec(line.padEnd(58)) ?? [];
  return { host: host.trim(), container: container.trim() };
}

const version = cgroupVersion();

/** What must be said of each level, from what the kernel said. */
const says: Readonly<Record<string, (stdout: string) => void>> = {
  '00': (stdout) => {
    const [, pid] = /fork\(\) = (\d+)/.exec(stdout)!;
    expect(step(stdout, 'fork()')).toMatch(new RegExp(`\\+ ${pid} box\\.ts`));
    const exec = step(stdout, 'execvp(');
    expect(exec).toContain(`I am process ${pid}, and my parent is`);
    expect(exec).toMatch(new RegExp(`- ${pid} box\\.ts[^]*\\+ ${pid} sh`));
    expect(step(stdout, 'waitpid(')).toContain('It sleeps in this call now.');
    expect(stdout).toContain(`waitpid(${pid}, 0) = ${pid}`);
  },
  '01': (stdout) => {
    // There is no wall yet: what is mounted is mounted for everybody.
    for (const type of ['proc', 'sysfs', 'tmpfs']) {
      const mounted = step(stdout, `mount("${type}"`);
      expect(mounted).toContain('Both see a change: mounts.');
      expect(mounted.match(new RegExp(`\\+ …/rootfs/\\w+ ${type}`, 'g'))).toHaveLength(2);
    }
    expect(row(step(stdout, 'chroot('), 'root').container).toBe("* the host's → the directory …/rootfs");
    expect(row(step(stdout, 'chroot('), 'cwd').container).toBe('* /root → /root, outside its root');
    expect(row(step(stdout, 'chdir("/")'), 'cwd').container).toBe('* /root, outside its root → /');
  },
  '02': (stdout) => {
    expect(row(step(stdout, 'unshare('), 'mnt namespace').container).toMatch(/^\* \d+ → \d+$/);
    const tie = step(stdout, /MS_REC\|MS_PRIVATE/);
    expect(tie).toMatch(/- a copy, still tied to the host's[^]*\+ a copy, on its own/);
    for (const type of ['proc', 'sysfs', 'tmpfs', 'devpts']) {
      const mounted = step(stdout, `mount("${type}"`);
      expect(mounted).toContain('Only the container sees a change: mounts. For the host all is as it was.');
      expect(mounted.match(new RegExp(`\\+ …/rootfs/\\S+ ${type}`, 'g'))).toHaveLength(1);
    }
    // One stands for all.
    expect(stdout.match(/^ {2}mknod\(/gm)).toHaveLength(2);
    expect(stdout).not.toMatch(/^ {2}umask\(/m);
  },
  '03': (stdout) => {
    const pivot = step(stdout, 'pivot_root(');
    expect(pivot).toMatch(/\+ \d+ of the host's, below \/\.old_root/);
    expect(row(pivot, 'root').container).toMatch(/→ a mount of its own/);
    expect(row(pivot, 'cwd').container).toBe('* /root → /.old_root/root');
    expect(step(stdout, 'umount2(')).toMatch(/- \d+ of the host's, below[^]*\+ none of the host's/);
  },
  '04': (stdout) => {
    expect(step(stdout, 'mount("overlay"')).toContain('+ …/root overlay');
    expect(stdout).toMatch(/^ {4}mine$/m);
  },
  '05': (stdout) => {
    const named = step(stdout, 'sethostname(');
    const { host, container } = row(named, 'hostname');
    const [, before, after] = /^\* (\S+) → (\S+)$/.exec(container)!;
    expect(host).toBe(before);
    expect(after).toMatch(/^box-/);
    expect(named).toContain('Only the container sees a change: hostname.');
    expect(named).toContain('new in this level');
    expect(step(stdout, 'execvp(')).toContain(`\n    ${after}\n`);
  },
  '06': (stdout) => {
    const made = step(stdout, 'clone(');
    for (const kind of ['mnt', 'uts', 'pid', 'ipc', 'net']) {
      expect(row(made, `${kind} namespace`).container).toMatch(/^\* \d+ → \d+$/);
    }
    expect(made).toMatch(/the container, process \d+, inside it 1$/m);
    expect(row(made, 'processes')).toMatchObject({ container: '- 1 init' });
    expect(made).toMatch(/\+ \d+ box\.ts {2,}\+ 1 box\.ts/);
    expect(step(stdout, 'execvp(')).toMatch(/^ {4} *1 sh$/m);
  },
  '07': (stdout) => {
    const set = step(stdout, version === 'v1' ? /cpu\.shares", "512"/ : /cpu\.weight", "59"/);
    expect(set).toContain('The host sees a change: cpu cgroup.');
    expect(set).toContain(version === 'v1' ? '+ cpu.shares 512' : '+ cpu.weight 59');
    const joined = step(stdout, /\/cgroup\.procs", "0"/);
    expect(joined).toMatch(/^  cpu cgroup +\/boxwright\/box-\w+[^]*- 0 processes[^]*\+ 1 process\b/m);
    expect(joined).toMatch(/\+ I am in \/boxwright\/box-\w+/);
    expect(step(stdout, 'unshare(CLONE_NEWCGROUP)')).toMatch(/- I am in \/boxwright\/box-\w+[^]*\+ I am in \/$/m);
    expect(step(stdout, 'rmdirSync(')).toMatch(/- \/boxwright\/box-\w+\n +\+ \/boxwright\n/);
  },
  '08': (stdout) => {
    const limited = step(stdout, version === 'v1' ? /memory\.limit_in_bytes", "67108864"/ : /memory\.max", "67108864"/);
    expect(limited).toMatch(
      version === 'v1' ? /- limit unlimited[^]*\+ limit 64m/ : /- memory\.max unlimited[^]*\+ memory\.max 64m/,
    );
    expect(step(stdout, 'execvp(')).toContain('64m is all there is for me');
  },
  '09': (stdout) => {
    expect(row(step(stdout, 'setgroups('), 'user')).toEqual({
      host: 'root: uid 0, gid 0',
      container: '* uid 0, gid 0, groups 4 27 → uid 0, gid',
    });
    expect(step(stdout, 'setuid(')).toMatch(/gid 1000, no other groups → uid\s+1000/);
    expect(step(stdout, 'execvp(')).toContain('uid=1000');
  },
  // One stands for all that a loop makes.
  fences: (stdout) => {
    expect(stepsOf(stdout).length).toBeLessThan(50);
    expect(stdout).toMatch(/^ {2}Before this, the loop has made its call \d\d times more\.$/m);
    expect(stdout.match(/^ {2}prctl\(PR_CAPBSET_DROP,.*0\)$/gm)).toHaveLength(1);
  },
  network: (stdout) => {
    expect(step(stdout, /type bridge"\)/)).toContain('+ boxwright, switched off');
    expect(step(stdout, /^ {2}execFileSync\("nft"/)).toMatch(/\+ NAT for [\d.]+\/24/);
    expect(step(stdout, /type veth/)).toMatch(/\+ box-\w+, plugged into boxwright/);
    expect(step(stdout, 'execFileSync("nsenter"')).toMatch(/\+ eth0 [\d.]+\/24/);
    expect(stdout).not.toContain('Sync("/proc/sys/net/ipv4/ip_forward", "1") = 0');
  },
};

describe.for(ofThisTurn(allLevels()))('$name, without a terminal', ({ number, name }) => {
  test('every step is told and explained, and the grader passes what was shown', async () => {
    const { status, stdout, stderr } = await run(['demo', number]);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\u001B');
    says[number]?.(stdout);
    for (const [, call, args] of stdout.matchAll(/^ {2}(\w+)\((.*)/gm)) {
      expect({ call, meaning: meaningOfCall({ call: call!, args: [args!] }) }).toEqual({
        call,
        meaning: expect.any(String),
      });
    }
    expect(stdout).toContain('box.ts has ended with status 0.');
    expect(stdout).toMatch(new RegExp(`^${name}: all \\d+ checks passed$`, 'm'));
    expect(status).toBe(0);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

test('what a call means fits its place on the screen', () => {
  for (const meaning of allMeanings()) expect(meaning.length, meaning).toBeLessThanOrEqual(LONGEST);
});

test('every call at which a program stops is explained', () => {
  const sources = [
    ...readdirSync(path.join(workshopRoot, 'linux')).map((name) => path.join(workshopRoot, 'linux', name)),
    path.join(workshopRoot, 'workshop/demo/ordinary-calls.ts'),
  ].map((file) => readFileSync(file, 'utf8'));
  const named = /\b(?:become|call|divide|make|record|step)\(\s*'(\w+)'|'(?:before|begins)', '(\w+)'/g;
  const names = new Set(
    sources.flatMap((source) => [...source.matchAll(named)].map(([, one, other]) => one ?? other!)),
  );
  for (const name of ['clone', 'execvp', '_exit', 'waitpid', 'pipe2', 'seccomp_load', 'chdir'])
    expect(names).toContain(name);
  for (const call of [...names].filter((name) => name !== 'umask')) {
    expect({ call, meaning: meaningOfCall({ call, args: [] }) }).toEqual({ call, meaning: expect.any(String) });
  }
});

/** The kinds of namespaces that a program of a level makes, in words of the kernel: `NEWUTS`. */
function kindsMadeIn(level: Level): string[] {
  return [...readFileSync(solutionFile(level), 'utf8').matchAll(/CLONE_(NEW\w+)/gm)].map(([, kind]) => kind!);
}

test('every kind of namespace that is new in a level is explained there', () => {
  const flagsOf: Readonly<Record<string, string>> = {
    '02': 'unshare CLONE_NEWNS',
    '05': 'unshare CLONE_NEWNS|CLONE_NEWUTS',
    '06': 'clone CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWPID|CLONE_NEWIPC|CLONE_NEWNET|SIGCHLD',
    '07': 'unshare CLONE_NEWCGROUP',
    rootless:
      'clone CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWPID|CLONE_NEWIPC|CLONE_NEWNET|CLONE_NEWUSER|CLONE_NEWCGROUP|SIGCHLD',
  };
  const words: Readonly<Record<string, RegExp>> = {
    NEWNS: /mount table/,
    NEWUTS: /UTS: a hostname/,
    NEWPID: /PID: its own numbering/,
    NEWIPC: /IPC: shared memory/,
    NEWNET: /NET: its own network/,
    NEWCGROUP: /top of what it can see|CGROUP: its cgroup/,
    NEWUSER: /USER: numbers/,
  };
  for (const level of allLevels()) {
    const { before } = neighbours(level);
    const known = before === null ? [] : kindsMadeIn(before);
    const fresh = kindsMadeIn(level).filter((kind) => !known.includes(kind) && level.number !== 'fences');
    if (fresh.length === 0) continue;
    const [call = '', flags = ''] = flagsOf[level.number]!.split(' ');
    const meaning = meaningOfCall({ call, args: call === 'clone' ? ['child', flags] : [flags] })!;
    for (const kind of fresh) expect(meaning, level.name).toMatch(words[kind]!);
    expect(meaning.length).toBeLessThanOrEqual(LONGEST);
  }
});

describe('a screen of 100 columns and 30 rows, from a scene', () => {
  const line = (text: string, change: Line['change'] = 'same'): Line => ({ text, change });
  const processes = [line('1 init'), line('16 box.ts'), line('20 box.ts', 'gone'), line('20 sh', 'new')];
  const scene: Scene = {
    kind: 'before',
    number: 117,
    title: 'bonus-network',
    place: { who: 'box.ts, line 162', path: ['run', 'joinNetwork', 'inTurn'] },
    line: 2,
    isNew: true,
    call: 'flock(24, LOCK_EX)',
    meaning: '',
    summary: '',
    failed: false,
    output: [],
    columns: { host: 'the host', container: 'box.ts' },
    rows: [{ label: 'processes', kind: 'list', host: processes, container: processes }],
  };
  const longComment = `  // ${'a word that matters '.repeat(6)}the end`;
  const code = ['first', longComment, 'third'].map((plain, index) => ({ number: index + 1, plain, coloured: plain }));
  const rows = screenOf(scene, code, { columns: 100, rows: 30 }, '').map((row) => stripVTControlCharacters(row));

  test('the title is one row, with a gap: where it must, without the outer functions', () => {
    expect(rows).toHaveLength(30);
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(100);
    expect(rows[0]).toMatch(/^ bonus-network {3}new in this level {3,}box\.ts, line 162, .*inTurn {3}step 117 $/);
    const inLongPath = { ...scene, place: { ...scene.place, path: ['a'.repeat(40), 'b'.repeat(30), 'inner'] } };
    const [title = ''] = screenOf(inLongPath, code, { columns: 100, rows: 30 }, '');
    expect(stripVTControlCharacters(title)).toMatch(/ level {3,}box\.ts, line 162, inner {3}step 117 $/);
  });

  test('a long line of the program goes on below', () => {
    const all = rows.join('\n');
    expect(all).toContain('the end');
    expect(all).not.toContain('…');
    expect(all).toMatch(/^ ▶ {3}2 {4}\/\/ a word[^\n]*\n {14}\S/m);
  });

  test('what has gone is shown, also where a list has one row', () => {
    const tall = { label: 'mounts', kind: 'list', host: [line('none')], container: [line('none')] } as const;
    const many = Array.from({ length: 9 }, (_none, index): Row => ({
      ...tall,
      label: `list ${index}`,
      host: [],
      container: [],
    }));
    const full = screenOf({ ...scene, rows: [...many, ...scene.rows] }, code, { columns: 100, rows: 30 }, '');
    const row = full.map((one) => stripVTControlCharacters(one)).find((one) => one.startsWith(' processes'));
    expect(row).toMatch(/- 20 box\.ts {2}\+ 20 sh/);
  });
});

test('colours where somebody asks for them', async () => {
  const { stdout } = await run(['demo', '00'], { env: { FORCE_COLOR: '1' } });
  expect(stdout).toContain('\u001B[');
});

test('whoever has read enough ends it', async () => {
  const { stdout, stderr } = await execa('sh', ['-c', '"$@" | head -n 2', 'sh', ...start, '00'], {
    cwd: workshopRoot,
  });
  expect(stdout).toMatch(/^\n1\. box\.ts, line/);
  expect(stderr).toBe('');
});

/** The row of the screen that begins like that, by number. */
function rowOf(terminal: Terminal, start: string): number {
  return terminal.screen().findIndex((line) => line.startsWith(start));
}

describe('on a screen of 100 columns and 30 rows', () => {
  test('space goes on, b shows the step before, n what is new, q ends; everything keeps its place', async () => {
    using terminal = await openTerminal(100, 30);
    terminal.type('npm run -s demo level-05');
    await terminal.shows(/step 1$/m);
    const first = terminal.screen();
    expect(first).toHaveLength(30);
    expect(first[0]).toMatch(/^ level-05, uts-namespace .*box\.ts, line 14, run {3}step 1$/);
    expect(first.join('\n')).toMatch(/^ ▶ {2}14 {4}const pid = linux\.fork\(\);$/m);
    expect(first.at(-1)).toContain('space: on   b: back   n: to what is new   q: quit');
    const places = ['hostname', 'namespaces', 'root', 'cwd', 'mounts', 'processes'].map((label) => ` ${label} `);
    const before = places.map((label) => rowOf(terminal, label));
    expect(before).not.toContain(-1);

    terminal.press('Space');
    await terminal.shows(/^ fork\(\) = \d+$/m);
    expect(terminal.screen().join('\n')).toMatch(/^ ✓ {2}14 /m);
    expect(places.map((label) => rowOf(terminal, label))).toEqual(before);
    terminal.press('b');
    await terminal.shows(/^ fork\(\)$/m);
    expect(terminal.screen()).toEqual(first);
    terminal.press('Space');
    await terminal.shows(/^ fork\(\) = \d+$/m);

    terminal.press('n');
    await terminal.shows(/new in this level {2,}the child, line 66.*step 3$/m);
    terminal.press('Enter');
    await terminal.shows(/^ unshare\(.*\) = 0$/m);
    terminal.press('n');
    await terminal.shows(/^ sethostname\("box-\w+", 10\)$/m);
    terminal.press('Space');
    await terminal.shows(/^ hostname +host-(\w+) +\* host-\1 → box-\w+$/m);
    expect(places.map((label) => rowOf(terminal, label))).toEqual(before);
    // Of what has not changed nothing is highlighted.
    const inverse = terminal
      .text({ colours: true })
      .split('\n')
      .filter((line) => line.includes('\u001B[7m'));
    expect(inverse).toHaveLength(1);
    expect(inverse[0]).toContain('→ box-');

    terminal.press('q');
    await terminal.shows(prompt);
    expect(terminal.text()).not.toContain('namespaces');
    terminal.type('echo "status $?"; stty -a | grep -o " icanon"');
    await terminal.shows(/^status 0\n icanon$/m);
  });

  test('NO_COLOR: what changed has a mark, and nothing has a colour', async () => {
    using terminal = await openTerminal(100, 30);
    terminal.type('NO_COLOR=1 npm run -s demo 00');
    await terminal.shows(/step 1$/m);
    terminal.press('Space');
    await terminal.shows(/\+ \d+ box\.ts$/m);
    expect(terminal.text({ colours: true })).not.toContain('\u001B[');
    terminal.press('q');
    await terminal.shows(prompt);
  });

  test('--auto needs no key, to the verdict', async () => {
    using terminal = await openTerminal(100, 30);
    terminal.type('npm run -s demo 00 -- --auto 0.01; echo "status $?"');
    await terminal.shows(/^00-fork-exec: all \d+ checks passed\n(?:.*\n)*status 0$/m);
  });

  test('Ctrl-C ends it, and the terminal is as it was', async () => {
    using terminal = await openTerminal(100, 30);
    terminal.type('npm run -s demo 02 -- --pause');
    await terminal.shows(/step 1$/m);
    terminal.press('Space');
    await terminal.shows(/fork\(\) = /);
    terminal.press('C-c');
    await terminal.shows(/^Interrupted\.\n(?:.*\n)*ready>\s*$/m);
    expect(terminal.text()).not.toContain('namespaces');
    terminal.type('echo "status $?"; stty -a | grep -o " icanon"');
    await terminal.shows(/^status 130\n icanon$/m);
  });

  test('a smaller window tells it line by line, with the same keys', async () => {
    using terminal = await openTerminal(80, 30);
    terminal.type('npm run -s demo 01');
    await terminal.shows(/^space: on {3}b: back/m);
    expect(terminal.text()).toContain('From 100 columns and 30 rows on, everything has its place on the screen.');
    terminal.press('Space');
    await terminal.shows(/^ {2}fork\(\) = \d+\n {2}Both see a change: processes\.\n {2}processes\n {4}the host$/m);
    terminal.press('b');
    await terminal.shows(/fork\(\) = [^]*\n1\. box\.ts, line 16, run[^]*space: on/);
    for (const line of terminal.screen()) expect(line.length).toBeLessThanOrEqual(80);
    terminal.press('q');
    await terminal.shows(prompt);
  });
});

/** The cgroups of the testbeds that a process answers for. */
function cgroupsOf(owner: number): string[] {
  const records = path.join(runDirectory, 'testbeds');
  if (!existsSync(records)) return [];
  return readdirSync(records).flatMap((name) => {
    try {
      const record = JSON.parse(readFileSync(path.join(records, name), 'utf8')) as {
        pid: number;
        directories: string[];
      };
      return record.pid === owner ? record.directories : [];
    } catch {
      // Another's, and gone since.
      return [];
    }
  });
}

test('interrupted while a step is shown: status 130, and nothing left', async () => {
  const child = spawn(start[0], [...start.slice(1), '06', '--auto', '1000'], {
    cwd: workshopRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  while (!stdout.includes('1. box.ts, line')) {
    if (child.exitCode !== null) throw new Error(`it ended: ${stdout}`);
    await delay(5);
  }
  const cgroups = cgroupsOf(child.pid!);
  expect(cgroups).not.toEqual([]);
  child.kill('SIGINT');
  const [status] = (await once(child, 'close')) as [number | null];
  expect(status).toBe(130);
  expect(cgroupsOf(child.pid!)).toEqual([]);
  expect(cgroups.filter((directory) => existsSync(directory))).toEqual([]);
});

describe('a program of somebody', () => {
  const imports = `import * as linux from '#linux';\nimport { box } from '#command-line';\n`;

  async function demoOf(source: string, env: Record<string, string> = {}): ReturnType<typeof run> {
    using folder = openFolder();
    const file = path.join(folder.path, 'box.ts');
    writeFileSync(file, imports + source);
    return await run(['demo', '00', '--file', file], {
      env: { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json'), ...env },
    });
  }

  test.skipIf(existsSync(progressFile))(
    '--mine: a skeleton comes to its first TODO, and that is no failure',
    async () => {
      using folder = openFolder();
      const ended = await run(['demo', '05', '--mine'], {
        env: { BOXWRIGHT_PROGRESS: path.join(folder.path, 'progress.json') },
      });
      expect(ended).toMatchObject({ status: 1, stderr: '' });
      expect(step(ended.stdout, 'unshare(CLONE_NEWNS)')).toContain('Only the container sees a change');
      expect(ended.stdout).toMatch(
        /^ {2}box\.ts has come to TODO 1, which is still to do\.\n {2}TODO 1: ask for a UTS/m,
      );
      expect(ended.stdout).not.toContain('It said on stderr');
      const thrown = step(ended.stdout, '_exit(125)');
      expect(thrown).toMatch(/^\d+\. the child, line \d+$/m);
      expect(thrown).toMatch(/^> +\d+ +throw new Error\('TODO 1: ask for a UTS/m);
      expect(thrown).toContain('It threw this error, and nobody caught it: Error: TODO 1: ask for a UTS');
      expect(ended.stdout).toContain('Your next step is TODO 1.');
    },
  );

  test('a call that fails is explained', async () => {
    const source = `box(() => { linux.umount('/no/such/place'); return 0; });\n`;
    const { status, stdout, stderr } = await demoOf(source);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(step(stdout, 'umount(')).toMatch(/umount\("\/no\/such\/place"\) = -1 ENOENT\n {2}It failed: ENOENT\./);
    expect(stdout).toContain('box.ts has ended with status 125.');
    expect(stdout).toMatch(/LinuxError: umount\("\/no\/such\/place"\) failed: ENOENT/);
    expect(stdout.split('What the grader says')[0]).not.toMatch(/node:internal/);
  });

  test('what is no program', async () => {
    const { status, stdout } = await demoOf('box(({ command }) => {\n');
    expect(status).toBe(1);
    expect(stdout).toMatch(/SyntaxError .*Expected/);
    expect(stdout.split('What the grader says')[0]).not.toMatch(/node:internal/);
  });

  test('both sides of a fork go on: each is shown as what it is', async () => {
    const source = `box(() => { const pid = linux.fork(); linux.sethostname(pid === 0 ? 'of-child' : 'of-parent'); if (pid !== 0) linux.waitpid(pid); return 0; });\n`;
    const { stdout } = await demoOf(source);
    expect(stdout).toMatch(/^\d+\. box\.ts, line 3[^]*? {2}sethostname\("of-parent", 9\)$/m);
    expect(stdout).toMatch(/^\d+\. the child, line 3[^]*? {2}sethostname\("of-child", 8\)$/m);
    // No wall: the host has been renamed.
    expect(step(stdout, 'sethostname("of-child"')).toContain('Both see a change: hostname.');
  });

  test('a parent that does not wait', async () => {
    const source = `box(({ command }) => { if (linux.fork() === 0) linux.execvp(command[0]!, command); return 0; });\n`;
    const { stdout } = await demoOf(source);
    expect(step(stdout, 'execvp(')).toContain('I am process');
    expect(stdout).toContain('box.ts has ended with status 0.');
  });

  test('one that hangs is given up', async () => {
    const source = `box(() => { linux.sethostname('x'); for (;;) {} });\n`;
    const { status, stdout } = await demoOf(source, { BOXWRIGHT_TIME_LIMIT: '2' });
    expect(status).toBe(1);
    expect(stdout).toContain('box.ts does not go on: it neither ends nor makes another call.');
  });
});
