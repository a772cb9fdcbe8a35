import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { cgroupHierarchies } from '../../workshop/grading/cgroup-mounts.ts';
import { openTestbed, sweepTestbeds, systemPath, type Testbed } from '../../workshop/grading/testbed.ts';
import { runDirectory } from '../../workshop/paths.ts';

const opener = path.join(import.meta.dirname, 'programs/open-testbed.ts');

/** What is left of a testbed on this machine, by its id and the pids that it had. */
function remains(id: string, pids: readonly number[]): string[] {
  const cgroups = cgroupHierarchies().flatMap(({ ownDirectory, mountPoint }) =>
    [ownDirectory, mountPoint].map((directory) => path.join(directory, 'boxwright-testbeds', id)),
  );
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [
    ...cgroups.filter((directory) => fs.existsSync(directory)),
    ...mounts.filter((line) => line.includes(runDirectory)),
    ...pids.filter(isAlive).map((pid) => `process ${pid}`),
    ...[path.join(runDirectory, 'testbeds', id)].filter((file) => fs.existsSync(file)),
  ];
}

/** Whether it still runs a program: one that dies has none, but stays until whoever its parent is has waited for it. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') !== '';
}

/** Runs a shell script in the testbed to its end. */
async function run(testbed: Testbed, script: string): Promise<{ stdout: string; status: number | null }> {
  const program = testbed.start(['sh', '-c', script], { cwd: '/', env: { PATH: systemPath } });
  let stdout = '';
  program.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const [status] = (await once(program, 'close')) as [number | null];
  return { stdout, status };
}

describe('a testbed', () => {
  test('is a host of its own while it is open, and gone afterwards', async () => {
    const hostname = os.hostname();
    const testbed = await openTestbed();
    const pids = [testbed.initPid, ...testbed.pids()];
    expect(await run(testbed, 'hostname; echo $$')).toEqual({
      stdout: expect.stringMatching(`^${testbed.hostname}\n\\d{1,3}\n$`),
      status: 0,
    });
    expect(remains(testbed.id, pids)).not.toEqual([]);
    await testbed.close();
    await expect.poll(() => remains(testbed.id, pids)).toEqual([]);
    expect(os.hostname()).toBe(hostname);
    // Once more does no harm.
    await testbed.close();
  });

  test('takes its processes with it, also those that listen to no signal', async () => {
    await using testbed = await openTestbed();
    const program = testbed.start(['sh', '-c', 'trap "" TERM HUP INT; setsid sleep 86398 & echo on; wait'], {
      cwd: '/',
      env: { PATH: systemPath },
    });
    await once(program.stdout!, 'data');
    const pids = testbed.pids();
    expect(pids).toHaveLength(2);
    await testbed.close();
    await expect.poll(() => remains(testbed.id, pids)).toEqual([]);
  });

  test('tells which processes, cgroups and files a program made', async () => {
    await using testbed = await openTestbed();
    expect({ pids: testbed.pids(), cgroups: testbed.cgroups(), files: testbed.changedFiles() }).toMatchObject({
      pids: [],
      cgroups: [],
    });
    const filesBefore = testbed.changedFiles();
    const { mountPoint } = cgroupHierarchies().find(
      ({ version, controllers }) => version === 2 || controllers.includes('cpu'),
    )!;
    const script = `
      mkdir -p /opt/made/empty ${mountPoint}/outer/inner
      echo text > /opt/made/file; rm /etc/debian_version; echo x >> /etc/hostname
      mount -t tmpfs tmpfs /mnt; echo x > /mnt/elsewhere
      sleep 86397 > /dev/null 2>&1 & exit 7`;
    expect((await run(testbed, script)).status).toBe(7);
    const pids = testbed.pids();
    expect(pids.map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'))).toEqual(['sleep\x0086397\0']);
    expect(testbed.cgroups()).toEqual(['outer', 'outer/inner']);
    expect(
      testbed
        .changedFiles()
        .filter((file) => !filesBefore.includes(file))
        .toSorted(),
    ).toEqual(['/etc/debian_version', '/etc/hostname', '/opt/made/empty/', '/opt/made/file']);
    expect(fs.existsSync('/opt/made')).toBe(false);
    expect(fs.existsSync('/etc/debian_version')).toBe(true);
  });

  test('does not show another one, nor the machine', async () => {
    await using one = await openTestbed();
    await using other = await openTestbed();
    await run(one, 'echo mine > /root/mine; hostname renamed; sleep 86396 > /dev/null 2>&1 &');
    const seen = await run(other, 'cat /root/mine; hostname; cat /proc/[0-9]*/comm');
    // PID 1, and the script.
    expect(seen.stdout).toBe(`${other.hostname}\ncat\nsh\n`);
    expect(fs.existsSync('/root/mine')).toBe(false);
  });

  test('many at once, opened and closed over each other', async () => {
    const worker = async (): Promise<string[]> => {
      const names: string[] = [];
      for (let round = 0; round < 5; round++) {
        await using testbed = await openTestbed();
        names.push((await run(testbed, 'hostname')).stdout.trim());
        expect(names.at(-1)).toBe(testbed.hostname);
      }
      return names;
    };
    const names = (await Promise.all([worker(), worker(), worker(), worker()])).flat();
    expect(new Set(names).size).toBe(20);
  });
});

describe('after its opener', () => {
  const openers: ChildProcess[] = [];
  afterEach(() => {
    for (const child of openers) child.kill('SIGKILL');
  });

  async function openElsewhere(...words: string[]) {
    const child = spawn(process.execPath, [opener, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    openers.push(child);
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    return { child, ...(JSON.parse(line) as { id: string; initPid: number; pids: number[] }) };
  }

  test('was killed: the next sweep removes all of it, and tells what it was', async () => {
    const { child, id, initPid, pids } = await openElsewhere();
    expect(pids.length).toBeGreaterThan(0);
    // A sweep leaves what belongs to a process that lives.
    expect((await sweepTestbeds()).map((swept) => swept.id)).not.toContain(id);
    expect(isAlive(initPid)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const swept = (await sweepTestbeds()).find((one) => one.id === id);
    expect(swept?.cgroups).toBeGreaterThan(0);
    await expect.poll(() => remains(id, [initPid, ...pids])).toEqual([]);
    expect((await sweepTestbeds()).map((again) => again.id)).not.toContain(id);
  });

  test('was interrupted: it sweeps its own', async () => {
    const { child, id, initPid, pids } = await openElsewhere('sweep-on-interrupt');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    // Out of its cgroup, a process that dies still takes a moment to be gone.
    await expect.poll(() => remains(id, [initPid, ...pids])).toEqual([]);
  });

  test('an unreadable record of a killed run is no obstacle', async () => {
    const record = path.join(runDirectory, 'testbeds', 'half-written');
    fs.mkdirSync(path.dirname(record), { recursive: true });
    fs.writeFileSync(record, '{"pid": 1');
    try {
      await sweepTestbeds();
      await using testbed = await openTestbed();
      expect(testbed.pids()).toEqual([]);
    } finally {
      fs.rmSync(record, { force: true });
    }
  });
});

test.for([
  { without: 'mount points (CAP_SYS_ADMIN)', options: ['--bounding-set=-sys_admin'], words: [] },
  { without: 'root', options: [], words: ['as-nobody'] },
])('without $without: an error that says what was refused, and nothing left', ({ options, words }) => {
  const command = [...options, process.execPath, opener, ...words];
  const { stdout, stderr, status } = spawnSync('setpriv', command, { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
  expect(stderr).toMatch(/Error: .*(permitted|denied)/i);
  const records = path.join(runDirectory, 'testbeds');
  expect(fs.existsSync(records) ? fs.readdirSync(records) : []).not.toContain(
    expect.stringContaining(`${process.pid}`),
  );
});

test('what is hidden from it is not there, whatever root does, and a file of its own is', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-hidden-'));
  fs.chmodSync(folder, 0o755);
  try {
    const program = path.join(import.meta.dirname, 'programs', 'hidden.ts');
    const unshare = ['--mount', '--propagation', 'private', process.execPath, program, folder];
    const { stdout, stderr } = spawnSync('unshare', unshare, { encoding: 'utf8' });
    expect(stderr).toBe('');
    const [first, afterwards] = stdout.split('--\n').map((part) => part.trimEnd().split('\n'));
    const shown = [`${folder}/mounted/open.ts`, `${folder}/mounted/secret/a/own.ts`, `${folder}/open.ts`];
    shown.push(`${folder}/secret/a/own.ts`);
    expect(first).toEqual([...shown, '755', fs.statSync('/tmp').mode.toString(8).slice(-4)]);
    // It may have lost sight of its own files over it.
    expect(afterwards!.filter((name) => name !== '' && !shown.includes(name))).toEqual([]);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
