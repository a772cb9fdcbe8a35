// What can befall a host on which containers go on by themselves: killed processes, pids that are given out again, a disk
// on which nothing can be written, a restart of the machine.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, isAtRest, pidsOf, startTimeOf } from './processes.ts';
import { removed, systemPath, type Testbed } from './testbed.ts';

/** A process of a testbed's host, as it was when it was seen. */
export type KnownProcess = {
  /** On this machine, and on the testbed's host. */
  pid: number;
  hostPid: number;
  startTime: string;
};

export function known(pid: number): KnownProcess {
  return { pid, hostPid: pidsOf(pid)[1] ?? 0, startTime: startTimeOf(pid) };
}

export function lives({ pid, startTime }: KnownProcess): boolean {
  return isAlive(pid) && startTimeOf(pid) === startTime;
}

/** Milliseconds: against hanging only. */
const PATIENCE = 20_000;
/** Milliseconds between two looks; and how many of these find all at rest before it is clear that nothing will happen. */
const INTERVAL = 10;
const LOOKS_AT_REST = 50;

/**
 * Waits until it is so; not for ever. Says whether it is.
 *
 * @param processes those that would make it so: once they sleep, and go on sleeping, they will not
 */
export async function comesTrue(isSo: () => boolean, processes: readonly KnownProcess[] = []): Promise<boolean> {
  const limit = AbortSignal.timeout(PATIENCE);
  for (let rested = 0; !isSo() && !limit.aborted && rested < LOOKS_AT_REST;) {
    await delay(INTERVAL);
    const atRest = processes.length > 0 && processes.every(({ pid }) => isAtRest(pid));
    rested = atRest ? rested + 1 : 0;
  }
  return isSo();
}

/** Kills these at the same moment, for none of them to see how another one ends, and waits for their end. */
export async function killTogether(processes: readonly KnownProcess[]): Promise<void> {
  const live = processes.filter(lives);
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) live.forEach((one) => send(one, signal));
  await comesTrue(() => !live.some(lives));
}

/** Sends a signal to one that lives. */
export function send(one: KnownProcess | undefined, signal: NodeJS.Signals): void {
  if (one === undefined || !lives(one)) return;
  try {
    process.kill(one.pid, signal);
  } catch (error) {
    // It has ended since.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until all of these have ended, or those that have not are at rest. */
export async function settled(processes: readonly KnownProcess[]): Promise<void> {
  await comesTrue(() => !processes.some(lives), processes);
}

/** From here on these can make no file longer than it is: whoever empties one first, has emptied it. See prlimit(2). */
export function letWriteNothing(processes: readonly KnownProcess[]): void {
  for (const { pid } of processes.filter(lives)) {
    spawnSync('prlimit', ['--pid', String(pid), '--fsize=0:0'], { stdio: 'ignore', env: { PATH: systemPath } });
  }
}

/**
 * Starts strangers that have the pids of processes that have ended, and returns them. Where the kernel cannot be asked for
 * a pid (CONFIG_CHECKPOINT_RESTORE), there are none.
 */
export async function giveOutAgain(testbed: Testbed, pids: readonly number[]): Promise<KnownProcess[]> {
  const cgroups = testbed.cgroupRoots.map(({ version, directory }) =>
    version === 2 ? `${directory}/init` : directory,
  );
  // From outside its cgroups, for the guard of a testbed lets nobody in it write this setting.
  const enter = ['--target', String(testbed.initPid), '--pid', '--', 'sh', '-c'];
  const script = `cgroups=$1
    shift
    for pid in "$@"; do
      [ ! -e "/proc/${testbed.initPid}/root/proc/$pid" ] || continue
      for _ in 1 2 3 4 5 6 7 8 9 10; do
        echo $((pid - 1)) > /proc/sys/kernel/ns_last_pid || exit 0
        sleep 100000 > /dev/null 2>&1 < /dev/null &
        [ "$!" != "$pid" ] || break
        kill $!
      done
      for cgroup in $cgroups; do echo $! > "$cgroup/cgroup.procs"; done
    done`;
  const words = [...enter, script, 'sh', cgroups.join(' '), ...pids.map(String)];
  const shell = spawn('nsenter', words, { stdio: 'ignore', env: { PATH: systemPath } });
  await once(shell, 'exit');
  const all = testbed.pids().map(known);
  return all.filter(({ hostPid }) => pids.includes(hostPid));
}

/**
 * What a restart of the machine leaves: no process of these and no cgroup, another boot id, clock ticks that have begun
 * anew, and by chance a stranger with the pid and the start time of each. The files stay.
 */
export async function restart(testbed: Testbed, processes: readonly KnownProcess[]): Promise<void> {
  await killTogether(processes);
  for (const { directory, names } of testbed.cgroupRoots) {
    for (const name of names().toReversed()) await comesTrue(() => removed(path.join(directory, name)), processes);
  }
  await giveOutAgain(
    testbed,
    processes.map(({ hostPid }) => hostPid),
  );
  await run(
    testbed,
    `cat /proc/sys/kernel/random/uuid > /run/boot_id
     awk '/^btime/ { $2 += 100000 } { print }' /proc/stat > /run/stat
     mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
     mount --bind /run/stat /proc/stat
     while [ $# -gt 0 ]; do
       if awk -v start="$2" '{ $22 = start; print }' "/proc/$1/stat" > "/run/stat-$1"; then
         mount --bind "/run/stat-$1" "/proc/$1/stat"
       fi
       shift 2
     done`,
    processes.flatMap(({ hostPid, startTime }) => [String(hostPid), startTime]),
  );
}

/** Runs a shell script on the host and returns what it prints. */
export async function run(testbed: Testbed, script: string, words: readonly string[] = []): Promise<string> {
  const shell = testbed.start(['sh', '-c', script, 'sh', ...words], { cwd: '/', env: { PATH: systemPath } });
  shell.stdin!.end();
  shell.stderr!.resume();
  let said = '';
  shell.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  await once(shell, 'exit');
  return said;
}
