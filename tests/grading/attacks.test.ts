// Programs that try to look right, or to do harm: none is believed, and none reaches the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import stringWidth from 'string-width';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroupHierarchies } from '../../workshop/grading/cgroup-mounts.ts';
import { type Run, runInTestbed } from '../../workshop/grading/run.ts';
import { check } from './check.ts';

const folder = path.join(import.meta.dirname, 'attacks');
/** Seconds; for programs that only a limit ends, and for one that must come to another end first. */
const SHORT = 3;
const LONG = 120;
const MEGABYTE = 1024 ** 2;

/** A file and a process of the machine, which must outlive every attack. */
let canary: { file: string; process: ChildProcess };
let before: Record<string, unknown>;

beforeAll(() => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-canary-'));
  canary = { file: path.join(directory, 'canary'), process: spawn('sleep', ['86400'], { stdio: 'ignore' }) };
  fs.writeFileSync(canary.file, 'alive');
  before = machine();
});

afterAll(() => {
  canary.process.kill('SIGKILL');
  fs.rmSync(path.dirname(canary.file), { recursive: true });
});

/** What an attack could have changed. */
function machine(): Record<string, unknown> {
  return {
    hostname: os.hostname(),
    mounts: fs.readFileSync('/proc/self/mountinfo', 'utf8'),
    devices: fs.readdirSync('/dev'),
    corePattern: fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8'),
    swappiness: fs.readFileSync('/proc/sys/vm/swappiness', 'utf8'),
    hierarchies: cgroupHierarchies(),
    canary: fs.readFileSync(canary.file, 'utf8'),
    canaryLives: canary.process.exitCode === null && canary.process.signalCode === null,
  };
}

async function attack(name: string, limit?: number): Promise<Run> {
  const scenario = { args: [canary.file], reproduce: name, ...(limit !== undefined && { limit }) };
  const run = await runInTestbed(path.join(folder, `${name}.ts`), scenario);
  expect(machine()).toEqual(before);
  return run;
}

describe('what a program does stays in its testbed', () => {
  test('it kills every process that it can see', async () => {
    const run = await attack('kills-everything');
    expect(run).toMatchObject({ left: [], cgroups: [] });
  });

  test('it kills the first process of its host', async () => {
    await attack('kills-the-first-process');
  });

  test('it makes processes that make processes', async () => {
    const run = await attack('fork-bomb', SHORT);
    expect(run.timedOut).toBe(true);
    expect(run.left.length).toBeLessThanOrEqual(128);
  });

  test('it writes without end', async () => {
    const memory = process.memoryUsage().rss;
    const run = await attack('endless-output', SHORT);
    expect(run.timedOut).toBe(true);
    expect(run.stdout.length).toBe(MEGABYTE / 4);
    expect(run.stderr.length).toBe(MEGABYTE / 4);
    expect(process.memoryUsage().rss - memory).toBeLessThan(256 * MEGABYTE);
  });

  test('it never ends, and listens to no signal', async () => {
    const run = await attack('never-ends', SHORT);
    expect(run).toMatchObject({ timedOut: true, stdout: 'still here\n' });
  });

  test('it takes memory until there is none', async () => {
    const run = await attack('eats-memory', LONG);
    expect(run).toMatchObject({ timedOut: false, signal: 'SIGKILL' });
  });

  test('it fills every filesystem', async () => {
    await attack('fills-the-disk');
  });

  test('it removes all files', async () => {
    const run = await attack('removes-everything', SHORT);
    expect(run.changedFiles.length).toBeGreaterThan(10);
  });

  test('it renames the machine', async () => {
    const run = await attack('renames-the-machine');
    expect(run.stdout).toBe('renamed-by-file\n');
  });

  test('it unmounts everything', async () => {
    const run = await attack('unmounts-everything');
    expect(run.stdout).toBe('all gone\n');
  });

  test('it leaves a daemon behind, which is seen, and ended', async () => {
    const run = await attack('daemon');
    expect(run.left.map(({ argv }) => argv)).toEqual([['sleep', '86400']]);
    expect(() => process.kill(run.left[0]!.pid, 0)).toThrow('ESRCH');
  });

  test('it leaves a frozen process behind', async () => {
    const run = await attack('freezes-a-process');
    expect(run.stdout).toBe('frozen\n');
    expect(run.left.map(({ argv }) => argv)).toEqual([['sleep', '86400']]);
    expect(() => process.kill(run.left[0]!.pid, 0)).toThrow('ESRCH');
  });

  test('it tries the doors to the machine', async () => {
    const run = await attack('reaches-the-machine');
    expect(run.stderr).toBe('');
    expect(run.stdout).toBe('that is all\n');
  });

  test('it writes garbage to every descriptor', async () => {
    const run = await attack('garbage-everywhere');
    // Some of them are Node's own, which may die of it.
    expect(run.timedOut).toBe(false);
    for (const line of run.trace) expect(line).toMatchObject({ file: expect.toBeOneOf([expect.any(String), null]) });
  });
});

describe('what a program says is not believed', () => {
  const liars = ['fake-report', 'ends-at-once', 'garbage-everywhere', 'forged-trace', 'forged-trace-with-spawn'];
  const vandals = ['kills-everything', 'kills-the-first-process', 'unmounts-everything'];
  test.for([...liars, ...vandals].flatMap((name) => ['00', '01'].map((level) => ({ name, level }))))(
    'level $level: $name',
    async ({ name, level }) => {
      const { stdout, stderr, exitCode } = await check(level, '--file', path.join(folder, `${name}.ts`), '--plain');
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
      expect(stdout).toMatch(/^FAILED {2}0\d\.\d /m);
      expect(stdout).toMatch(/^expected {2}\S/m);
      expect(stdout).not.toContain('checks passed');
      for (const line of stdout.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(80);
      // No characters that would hide or rewrite lines of the report.
      expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
      expect(machine()).toEqual(before);
    },
  );

  // At the same time: most of it is waiting.
  test.concurrent.for(['never-ends', 'fork-bomb', 'endless-output'])('%s: an end', async (name) => {
    const { stdout, exitCode } = await check('00', '--file', path.join(folder, `${name}.ts`), '--plain');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^FAILED {2}00\.1 /m);
    expect(machine()).toEqual(before);
  });
});
