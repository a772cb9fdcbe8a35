// npm run clean: removes every container of ours from this machine, with its processes, mounts and cgroups.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MNT_DETACH, umount2, UMOUNT_NOFOLLOW } from '../../linux/mount.ts';
import { sweepTestbeds } from '../grading/testbed.ts';
import { findLeftovers, type Leftovers, NETWORK } from '../leftovers.ts';
import { becomeRoot, command, exitStatus, options, UsageError } from './command.ts';

const help = `Usage: npm run clean [-- options]

Removes all containers that were made on this machine, also those that still
run: their processes, mounts, cgroups, directories and network; and what killed
checks left. Images stay, and so does everything that is not ours.

  --dry-run   only say what would be removed
`;

const forwarding = '/proc/sys/net/ipv4/ip_forward';

/** Seconds in which a killed process has ended and a cgroup is empty. */
const PATIENCE = 10;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean' } },
  });
  if (positionals.length > 0) throw new UsageError('clean takes no words');
  becomeRoot();
  const found = findLeftovers();
  const lines = [
    ...found.processes.map(({ pid, command: words }) => `process ${pid} ${words}`.slice(0, 78)),
    ...found.mounts.map((mountPoint) => `mount on ${mountPoint}`),
    ...found.cgroups.map((directory) => `cgroup ${directory}`),
    ...found.directories.map((directory) => `directory ${directory}`),
    ...(found.network?.interfaces ?? []).map((name) => `network interface ${name}`),
    ...(found.network?.rules ? [`nft table ip ${NETWORK}`] : []),
    ...(found.network?.forwardingWasOff ? [`${forwarding} = 1, which was 0`] : []),
  ];
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (values['dry-run']) {
    process.stdout.write(lines.length === 0 ? 'There is nothing to remove.\n' : `${lines.length} to remove.\n`);
    return exitStatus.passed;
  }
  await remove(found);
  const swept = await sweepTestbeds();
  for (const { id } of swept) process.stdout.write(`testbed ${id}, which a killed run left\n`);
  const count = lines.length + swept.length;
  process.stdout.write(count === 0 ? 'There was nothing to remove.\n' : `Removed: ${count}.\n`);
  return exitStatus.passed;
}

/** @throws Error naming what cannot be removed */
async function remove({ processes, mounts, cgroups, directories, network }: Leftovers): Promise<void> {
  for (const { pid } of processes) kill(pid);
  // Detached: a process that has just been killed may hold it for a moment. Several may lie on one mount point.
  for (const mountPoint of mounts) umount2(mountPoint, MNT_DETACH | UMOUNT_NOFOLLOW);
  const patience = AbortSignal.timeout(PATIENCE * 1000);
  for (const directory of cgroups) {
    while (!removed(directory)) {
      if (patience.aborted) throw new Error(`${directory} cannot be removed: there are still processes in it`);
      await delay(5);
    }
  }
  const still = findLeftovers().mounts;
  if (still.length > 0)
    throw new Error(`these are still mounted, so nothing below them is deleted: ${still.join(', ')}`);
  for (const directory of directories) fs.rmSync(directory, { recursive: true });
  if (network?.forwardingWasOff) fs.writeFileSync(forwarding, '0');
  for (const name of network?.interfaces ?? []) run('ip', 'link', 'delete', name);
  if (network?.rules) run('nft', 'delete', 'table', 'ip', NETWORK);
}

/** @throws Error with what the program said */
function run(program: string, ...words: string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${[program, ...words].join(' ')}: ${error?.message ?? stderr.trim()}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function removed(cgroup: string): boolean {
  try {
    fs.rmdirSync(cgroup);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

await command(help, main);
