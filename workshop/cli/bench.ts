// npm run bench: how fast the workshop is, as ratios to peers that are measured in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type Measured, measure, median, type Subject } from '../bench/measure.ts';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { programEnvironment } from '../grading/program-environment.ts';
import { programCommand } from '../grading/student-program.ts';
import { openTestbed, sweepTestbeds, systemPath } from '../grading/testbed.ts';
import { imageInfoPath, imagePath, imagesFolder } from '../images/image.ts';
import { ensureImage } from '../images/ensure.ts';
import { numberedLevels, solutionFile, spoken } from '../levels.ts';
import { workshopRoot } from '../paths.ts';
import { becomeRoot, command, endOnSignals, exitStatus, levelNamed, NotReady, options } from './command.ts';

const help = `Usage: npm run bench -- [options]

Measures how long a check and a run of box.ts take, with the reference
solutions, and compares each with a peer that is measured in turns with it;
how long it takes from a save to the verdict of watch, and one submission of a
class, beside a check of the same.
Then it makes thousands of children, none of which may crash or hang.

  --quick   few repeats, and hundreds of children: about a minute
  --json    the figures as JSON on stdout, and nothing else there

Nothing is written outside of a temporary folder.
Exit status: 0 every target is met, 1 one is missed, 2 wrong usage, 3 this
machine is not ready, 4 a fault of the workshop, 130 interrupted.
`;

/** How many times what its peer takes it may take at most, by level. */
const boxTargets: Readonly<Record<string, number>> = { '00': 2, '01': 2 };
const boxTarget = 2.3;
const checkTargets: Readonly<Record<string, number>> = { '01': 2.2 };
const checkTarget = 2.5;

/** A save is compiled first, and seen at the next look at the file; but the grader is loaded. */
const watchTarget = 1.1;

/** A check has the whole machine to itself, and uses two processors. */
const gradeTarget = 2;

const NODE = 'node -e 0';
const VITEST = 'vitest, one empty test';
const BWRAP = 'bwrap --unshare-all true';

/** A line of the result. What is a peer itself has neither ratio nor target. */
type Row = {
  name: string;
  /** Of the runs, in milliseconds. */
  median: number;
  fastest: number;
  peer: string | null;
  ratio: number | null;
  target: number | null;
  met: boolean;
};

type Children = { passed: number; failed: number; met: boolean };

async function main(argv: string[]): Promise<number> {
  const { values } = options({ args: argv, options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } });
  const quick = values.quick === true;
  becomeRoot();
  if (!(await ensureImage('busybox', { yes: true }))) throw new NotReady('the image busybox is not built');
  using folder = fs.mkdtempDisposableSync(path.join(os.tmpdir(), 'boxwright-bench-'));
  const stop = new AbortController();
  endOnSignals(async () => {
    stop.abort();
    await sweepTestbeds(process.pid);
    folder.remove();
  });
  useHomeIn(folder.path);

  const boxes = await boxTimes(quick ? 7 : 25);
  const checks = await checkTimes(folder.path, quick ? 3 : 11, stop.signal);
  const rows = [
    ...rowsOf(boxes, NODE, boxTargets, boxTarget),
    ...rowsOf(checks, VITEST, checkTargets, checkTarget),
    await watchRow(folder.path, quick ? 3 : 11, checks, stop.signal),
    await gradeRow(folder.path, quick ? 12 : 48, checks, stop.signal),
  ];
  const perMinute = 60_000 / rows.at(-1)!.median;
  if (!values.json) {
    process.stdout.write(table(rows));
    process.stdout.write(`a class, a minute and processor: ${perMinute.toFixed(1)} submissions of level-${GRADED}\n`);
  }
  process.stderr.write(`Making ${quick ? 'hundreds' : 'thousands'} of children …\n`);
  const children = await makeChildren(folder.path, quick, stop.signal);
  const met = children.met && rows.every((row) => row.met);
  if (values.json) {
    const report = { schema: 'boxwright/bench/v1', node: process.version, quick, rows, children, met };
    process.stdout.write(JSON.stringify(report, null, 2) + '\n');
  } else {
    const { passed, failed } = children;
    process.stdout.write(
      `ways to make children: ${passed} well, ${failed} failed  ${children.met ? 'met' : 'MISSED'}\n`,
    );
  }
  return met ? exitStatus.passed : exitStatus.failed;
}

/** Makes the folder the home of images, containers and caches, with the image that this machine has. */
function useHomeIn(folder: string): void {
  const image = [imagePath('busybox'), imageInfoPath('busybox')];
  process.env['BOXWRIGHT_HOME'] = path.join(folder, 'home');
  fs.mkdirSync(imagesFolder(), { recursive: true });
  fs.mkdirSync(path.join(folder, 'home', 'containers'));
  for (const file of image) fs.copyFileSync(file, path.join(imagesFolder(), path.basename(file)));
}

/** Runs of box.ts and their peers, all of them inside of one testbed, so that opening it is not counted. */
async function boxTimes(repeats: number): Promise<Measured[]> {
  const levels = numberedLevels();
  for (const level of levels) await fillCompileCache(solutionFile(level));
  const subjects: Subject[] = [
    { name: NODE, command: [process.execPath, '-e', '0'] },
    ...levels.map((level) => ({
      name: `box, ${spoken(level)}`,
      command: programCommand(solutionFile(level), ['run', '/bin/true']),
      env: programEnvironment(),
    })),
  ];
  if (fs.existsSync('/usr/bin/bwrap')) {
    const everything = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev'];
    subjects.push({ name: BWRAP, command: ['bwrap', '--unshare-all', ...everything, '/bin/true'] });
  }
  await using testbed = await openTestbed();
  const measuring = path.join(workshopRoot, 'workshop', 'bench', 'measure.ts');
  const program = testbed.start([process.execPath, measuring, JSON.stringify({ subjects, repeats })], {
    cwd: '/root',
    env: { PATH: systemPath, HOME: '/root', BOXWRIGHT_HOME: process.env['BOXWRIGHT_HOME']! },
  });
  const [said, complaint, [status]] = await Promise.all([
    text(program.stdout!),
    text(program.stderr!),
    once(program, 'exit'),
  ]);
  if (status !== 0) throw new Error(`the measuring in the testbed failed: ${complaint}`);
  return JSON.parse(said) as Measured[];
}

/** Whole checks, and vitest with nothing to do. */
async function checkTimes(folder: string, repeats: number, signal: AbortSignal): Promise<Measured[]> {
  const empty = path.join(folder, 'empty');
  fs.mkdirSync(path.join(empty, 'node_modules'), { recursive: true });
  fs.symlinkSync(path.join(workshopRoot, 'node_modules', 'vitest'), path.join(empty, 'node_modules', 'vitest'));
  fs.writeFileSync(path.join(empty, 'empty.test.js'), `import { test } from 'vitest';\ntest('nothing', () => {});\n`);
  const start = path.join(workshopRoot, 'workshop', 'cli', 'start.mjs');
  const subjects: Subject[] = [
    // Without our compile cache: as everybody else starts it.
    { name: VITEST, command: [process.execPath, vitest, 'run'], cwd: empty, env: { NODE_COMPILE_CACHE: '' } },
    ...numberedLevels().map((level) => ({
      name: `check, ${spoken(level)}`,
      command: [process.execPath, start, 'check', spoken(level), '--solution', '--json'],
    })),
  ];
  return measure(subjects, repeats, signal);
}

/** The level of which saves and a class are graded: one in the middle, of usual length. */
const GRADED = '05';

/** From a save of box.ts to the verdict of watch, in a copy of the workshop; and what a check of the same takes. */
async function watchRow(
  folder: string,
  repeats: number,
  checks: readonly Measured[],
  signal: AbortSignal,
): Promise<Row> {
  const level = levelNamed(GRADED);
  const copy = path.join(folder, 'workshop');
  for (const name of ['levels', 'linux', 'solutions', 'workshop', 'package.json']) {
    fs.cpSync(path.join(workshopRoot, name), path.join(copy, name), { recursive: true });
  }
  fs.symlinkSync(path.join(workshopRoot, 'node_modules'), path.join(copy, 'node_modules'));
  const file = path.join(copy, 'levels', level.name, 'box.ts');
  const program = fs.readFileSync(solutionFile(level), 'utf8');
  const save = (count: number): void => fs.writeFileSync(file, `${program}// saved for the ${count}. time\n`);
  save(0);
  const start = path.join(copy, 'workshop', 'cli', 'start.mjs');
  const child = spawn(process.execPath, [start, 'watch', spoken(level), '--plain'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BOXWRIGHT_PROGRESS: path.join(folder, 'progress.json') },
    signal,
  });
  const times: number[] = [];
  let saved = 0;
  const gone = once(child, 'exit');
  try {
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('FAILED ')) throw new Error(`watch: the solution of ${level.name} is said to fail: ${line}`);
      if (!line.endsWith('checks passed')) continue;
      // The first verdict is about what was there before.
      if (saved > 0) times.push(performance.now() - saved);
      if (times.length === repeats) break;
      save(times.length + 1);
      saved = performance.now();
    }
  } finally {
    child.kill('SIGINT');
    await gone;
  }
  if (times.length < repeats) throw new Error('watch ended before it was told to');
  return besideCheck(`watch, save to verdict, ${spoken(level)}`, times, checks, watchTarget);
}

/**
 * A class, of which everybody hands in the same: the processor time that one of them takes, which is by the clock, for
 * each processor, and what a check of the same takes.
 */
async function gradeRow(folder: string, count: number, checks: readonly Measured[], signal: AbortSignal): Promise<Row> {
  const level = levelNamed(GRADED);
  const submissions = path.join(folder, 'submissions');
  for (let index = 0; index < count; index += 1) {
    const place = path.join(submissions, `student-${index}`, 'levels', level.name);
    fs.mkdirSync(place, { recursive: true });
    fs.copyFileSync(solutionFile(level), path.join(place, 'box.ts'));
  }
  const start = path.join(workshopRoot, 'workshop', 'cli', 'start.mjs');
  const out = path.join(folder, 'grades');
  const command = [process.execPath, start, 'grade', submissions, '--here', '--out', out];
  const [{ times: all }] = (await measure(
    // Each run is the first one in its folder.
    [{ name: 'grade', command: ['sh', '-c', 'rm -rf "$0" && exec "$@"', out, ...command] }],
    3,
    signal,
  )) as [Measured];
  const times = all.map((time) => (time * os.availableParallelism()) / count);
  return besideCheck(`grade, each, ${spoken(level)}`, times, checks, gradeTarget);
}

function besideCheck(name: string, times: readonly number[], checks: readonly Measured[], target: number): Row {
  const peer = `check, level-${GRADED}`;
  const middle = median(times);
  const ratio = middle / median(checks.find((check) => check.name === peer)!.times);
  return { name, median: middle, fastest: Math.min(...times), peer, ratio, target, met: ratio <= target };
}

const vitest = path.join(workshopRoot, 'node_modules', 'vitest', 'vitest.mjs');

/** How many of the stress tests passed and failed. Each makes its children in one way, and counts how they end. */
async function makeChildren(folder: string, quick: boolean, signal: AbortSignal): Promise<Children> {
  const output = path.join(folder, 'stress.json');
  const reporting = ['--reporter=json', `--outputFile=${output}`];
  const child = spawn(process.execPath, [vitest, 'run', 'tests/linux/stress.test.ts', ...reporting], {
    cwd: workshopRoot,
    stdio: 'ignore',
    env: { ...process.env, BOXWRIGHT_STRESS: quick ? '' : 'full' },
    signal,
  });
  await once(child, 'exit');
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(fs.readFileSync(output, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  return { passed, failed, met: passed > 0 && failed === 0 };
}

function rowsOf(
  measured: readonly Measured[],
  peer: string,
  targets: Readonly<Record<string, number>>,
  otherwise: number,
): Row[] {
  const base = median(measured.find(({ name }) => name === peer)!.times);
  return measured.map(({ name, times }) => {
    const middle = median(times);
    const row = { name, median: middle, fastest: Math.min(...times) };
    const level = /level-(\d\d)$/.exec(name)?.[1];
    if (level === undefined) return { ...row, peer: null, ratio: null, target: null, met: true };
    const target = targets[level] ?? otherwise;
    return { ...row, peer, ratio: middle / base, target, met: middle / base <= target };
  });
}

/** Characters of a line for what it is about. */
const NAME = 34;

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, median: middle, fastest, ratio, target, met }) => {
    const times = `${middle.toFixed(1).padStart(9)} ${fastest.toFixed(1).padStart(9)}`;
    if (ratio === null || target === null) return `${name.padEnd(NAME)}${times}`;
    const verdict = met ? 'met' : 'MISSED';
    return `${name.padEnd(NAME)}${times} ${ratio.toFixed(2).padStart(7)} ${target.toFixed(1).padStart(7)}  ${verdict}`;
  });
  return `${'milliseconds'.padEnd(NAME)}   median   fastest   ratio  target\n${lines.join('\n')}\n`;
}

await command(help, main);
