// The testbed on a machine with cgroup v2; runs in the guest of run-in-guest.sh.
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import fs from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { openTestbed, systemPath, type Testbed } from '../../workshop/grading/testbed.ts';
import { examineMachine } from '../../workshop/machine.ts';

/** linux/magic.h */
const CGROUP2_SUPER_MAGIC = 0x63677270;
const root = '/sys/fs/cgroup';

async function run(testbed: Testbed, script: string): Promise<string> {
  const program = testbed.start(['sh', '-c', `exec 2>&1; ${script}`], { cwd: '/', env: { PATH: systemPath } });
  const [said] = await Promise.all([text(program.stdout!), once(program, 'exit')]);
  return said.trim();
}

test('this machine has cgroup v2 and nothing else', () => {
  expect(fs.statfsSync(root).type).toBe(CGROUP2_SUPER_MAGIC);
  expect(cgroupVersion()).toBe('v2');
});

test('a testbed is the root of its own hierarchy, and its programs are in a leaf of it', async () => {
  await using testbed = await openTestbed();
  expect(await run(testbed, 'cat /proc/self/cgroup')).toBe('0::/init');
  const controllers = await run(testbed, `cat ${root}/cgroup.controllers`);
  expect(controllers.split(' ')).toEqual(expect.arrayContaining(['cpu', 'memory', 'pids']));
  expect(await run(testbed, `cd ${root} && echo *.slice`)).toBe('*.slice');
});

test('a program in it can hand controllers down, and make a cgroup, limit it, join it and remove it', async () => {
  await using testbed = await openTestbed();
  const said = await run(
    testbed,
    `cd ${root}; echo '+cpu +memory +pids' > cgroup.subtree_control; mkdir box; cd box
     echo 50 > cpu.weight; echo 64M > memory.max; echo 0 > memory.swap.max
     cat cpu.weight memory.max memory.swap.max; sh -c 'echo 0 > cgroup.procs; cat /proc/self/cgroup'; rmdir ../box; ls -d ../box`,
  );
  expect(said.split('\n')).toEqual([
    '50',
    String(64 * 1024 ** 2),
    '0',
    '0::/box',
    expect.stringMatching(/No such file/),
  ]);
});

test('a program that takes more memory than its cgroup may is killed, and the testbed is not', async () => {
  await using testbed = await openTestbed();
  const said = await run(
    testbed,
    `cd ${root}; echo +memory > cgroup.subtree_control; mkdir box; echo 16M > box/memory.max; echo 0 > box/memory.swap.max
     sh -c 'echo 0 > box/cgroup.procs; exec tail /dev/zero'; echo status $?; grep oom_kill' ' box/memory.events`,
  );
  expect(said).toMatch(/status 137\noom_kill [1-9]/);
  expect(await run(testbed, 'echo alive')).toBe('alive');
});

test('closing it removes every cgroup, also one whose processes are frozen', async () => {
  const testbed = await openTestbed();
  await run(
    testbed,
    `cd ${root}; mkdir -p box/inner; sleep 1000 > /dev/null 2>&1 & echo $! > box/inner/cgroup.procs; echo 1 > box/cgroup.freeze`,
  );
  expect(testbed.cgroups().sort()).toEqual(['box', 'box/inner']);
  await testbed.close();
  expect(fs.existsSync(`${root}/boxwright-testbeds`)).toBe(false);
});

test('in a container, whose root has processes, a testbed opens, too', async () => {
  const container = `${root}/container`;
  fs.mkdirSync(container);
  const module = new URL('../../workshop/grading/testbed.ts', import.meta.url).href;
  const script = `
    const { openTestbed } = await import(${JSON.stringify(module)});
    const testbed = await openTestbed();
    console.log(testbed.cgroups().length);
    await testbed.close();`;
  const inside = 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"';
  const words = [
    'unshare',
    '--cgroup',
    '--mount',
    'sh',
    '-c',
    inside,
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ];
  const joining = `echo 0 > ${container}/cgroup.procs && exec "$@"`;
  const { stdout } = await execa('sh', ['-c', joining, 'sh', ...words]);
  expect(stdout).toBe('0');
  for (const directory of [`${container}/processes`, container]) fs.rmdirSync(directory);
});

test('doctor finds nothing missing', async () => {
  expect((await examineMachine()).filter(({ missing }) => missing)).toEqual([]);
});
