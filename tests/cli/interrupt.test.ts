// Commands that are interrupted, or lose a part of themselves: no verdict, and nothing left.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runDirectory, workshopRoot } from '../../workshop/paths.ts';
import { openFolder, run } from './command.ts';

const start = path.join(workshopRoot, 'workshop/cli/start.mjs');
const records = path.join(runDirectory, 'testbeds');

type TestbedRecord = { id: string; pid: number; directories: string[] };

/** The testbeds that a process answers for, as the run directory has them. */
function testbedsOf(owner: number): TestbedRecord[] {
  if (!existsSync(records)) return [];
  return readdirSync(records).flatMap((id) => {
    try {
      const record = { id, ...(JSON.parse(readFileSync(path.join(records, id), 'utf8')) as Omit<TestbedRecord, 'id'>) };
      return record.pid === owner ? [record] : [];
    } catch {
      // Gone, or half written.
      return [];
    }
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The processes in a testbed: on this machine, without those that have ended. */
function processesIn({ directories }: TestbedRecord): { pid: number; words: string }[] {
  const files = directories.flatMap((directory) => [`${directory}/cgroup.procs`, `${directory}/init/cgroup.procs`]);
  const pids = new Set(files.flatMap((file) => read(file).split('\n').filter(Boolean)));
  return [...pids].map((pid) => ({ pid: Number(pid), words: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }));
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** A testbed of that check in which box.ts runs now. */
function whereBoxRuns(pid: number): TestbedRecord | undefined {
  return testbedsOf(pid).find((testbed) => processesIn(testbed).some(({ words }) => /box\.ts run/.test(words)));
}

/** Moments of a check, told by what there is and not by time. */
const moments = {
  'at its start': () => true,
  'when it has a testbed': (pid: number) => testbedsOf(pid).length > 0,
  'when box.ts runs': (pid: number) => whereBoxRuns(pid) !== undefined,
} as const;

type Started = {
  child: ChildProcess;
  pid: number;
  output: () => { stdout: string; stderr: string };
  testbeds: TestbedRecord[];
};

/** Starts a check of level 01 and returns at that moment of it. */
async function startCheck(moment: keyof typeof moments, env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, [start, 'check', '01', '--solution'], {
    cwd: workshopRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  while (!moments[moment](child.pid!)) {
    if (child.exitCode !== null) throw new Error(`it ended before that: ${output.stdout}${output.stderr}`);
    await delay(2);
  }
  return { child, pid: child.pid!, output: () => output, testbeds: testbedsOf(child.pid!) };
}

/** The process that opened the testbed: the parent of the one that holds it. */
function openerOf(testbed: TestbedRecord): number {
  return parentOf(holderOf(testbed));
}

function holderOf(testbed: TestbedRecord): number {
  const holder = processesIn(testbed).find(({ words }) => words.startsWith('unshare --mount'));
  if (holder === undefined) throw new Error('nobody holds the testbed');
  return holder.pid;
}

function expectNothingLeft(pid: number, testbeds: readonly TestbedRecord[]): void {
  expect(testbedsOf(pid)).toEqual([]);
  for (const { directories } of testbeds) expect(directories.filter((directory) => existsSync(directory))).toEqual([]);
}

describe.for(Object.keys(moments) as (keyof typeof moments)[])('interrupted %s', (moment) => {
  test.for([
    { signal: 'SIGINT', status: 130 },
    { signal: 'SIGTERM', status: 143 },
  ] as const)('by $signal: status $status, nothing said of the program, nothing left', async ({ signal, status }) => {
    const { child, pid, output, testbeds } = await startCheck(moment);
    child.kill(signal);
    const [code, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    // Before it listens to signals, there is nothing to clean up, and the signal ends it.
    if (moment !== 'at its start' || code !== null) expect({ code, by }).toEqual({ code: status, by: null });
    else expect(by).toBe(signal);
    expect(output().stdout).toBe('');
    expectNothingLeft(pid, testbeds);
  });
});

test('killed: the next command sweeps what is left, and says so', async () => {
  using folder = openFolder();
  const progress = path.join(folder.path, 'progress.json');
  const { child, pid, output, testbeds } = await startCheck('when box.ts runs', { BOXWRIGHT_PROGRESS: progress });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(output().stdout).toBe('');
  const next = await run(['check', '00', '--solution', '--plain']);
  expect(next.status).toBe(0);
  for (const { id } of testbeds) expect(next.stderr).toContain(`Swept what a killed run left: testbed ${id} (`);
  expectNothingLeft(pid, testbeds);
  expect(existsSync(progress)).toBe(false);
});

test.for([
  { part: 'the process that runs the grader', victim: openerOf },
  { part: 'the holder of a testbed', victim: holderOf },
])('it loses $part: status 4, no verdict, nothing left', async ({ victim }) => {
  const { child, pid, output, testbeds } = await startCheck('when box.ts runs');
  // That one may have ended since; there are others to come.
  let testbed = whereBoxRuns(pid);
  for (; testbed === undefined; testbed = whereBoxRuns(pid)) await delay(2);
  const target = victim(testbed);
  expect(target).not.toBe(pid);
  process.kill(target, 'SIGKILL');
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, stdout: output().stdout }).toEqual({ code: 4, stdout: '' });
  expect(output().stderr).toMatch(/^The grader itself broke; this says nothing about your program: /m);
  expectNothingLeft(pid, testbeds);
});
