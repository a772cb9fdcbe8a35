// Bonus: containers that go on by themselves, and that others can find, enter and end.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box, type ContainerOptions, type ContainersOptions, type ExecOptions } from '#command-line';
import type { LifecycleOptions, StopOptions, Volume } from '#command-line';

/** All that the child gets of its own, from its first instruction on. */
const namespaces =
  linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;

/** What a container is made of. */
type Container = LifecycleOptions & { directory: string; lowerdir: string; cgroups: Cgroups; account: Account | null };

/** Runs the command in a new container and returns the exit status to report for it; with `-d` that of starting it. */
function run(options: LifecycleOptions): number {
  const { image, imageDir, containerDir, cpuShares, memory, memorySwap, user, detach } = options;
  const limits = memoryLimits(memory, memorySwap);
  const account = user === null ? null : accountOf(user);
  const lowerdir = unpackOnce(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));

  const cgroups = makeCgroups(path.basename(directory));
  try {
    if (cpuShares !== null) limitCpu(cgroups.cpu, cpuShares);
    if (limits !== null) limitMemory(cgroups.memory, limits);
  } catch (error) {
    removeCgroups(cgroups);
    throw error;
  }
  const container = { ...options, directory, lowerdir, cgroups, account };
  return detach ? startKeeper(container) : keep(container, () => {});
}

/** Has the container kept by a process of its own, and says its id as soon as it runs. */
function startKeeper(container: Container): number {
  // TODO 1: fork (linux.fork). The child is the keeper: it parts from whoever started it, in leaveStarter, calls keep,
  // and ends (linux._exit). The parent waits until keep has called `started`, at a pipe, and prints the container's id.
  throw new Error('TODO 1: make a process that keeps the container, in startKeeper');
}

/** The keeper: parts from the terminal, and from all that whoever started it may be waiting at. */
function leaveStarter(directory: string): void {
  // TODO 1: begin a session of your own (linux.setsid), and make descriptors 0, 1 and 2 lead to /dev/null (linux.dup2).
  // TODO 2: 1 and 2 lead to the log instead (logOf), which is opened for appending.
}

function logOf(directory: string): string {
  return path.join(directory, 'log');
}

/** Starts the container, waits for its end, and writes down both. Returns its exit status. */
function keep(container: Container, started: () => void): number {
  const { directory, cgroups } = container;
  // TODO 4: write down (writeRecord) what is known: before clone, when there is a pid, and at the end. The command may not
  // start before its pid is in the file. What can contain wait at that also ends if you are killed?

  // SIGCHLD: without it waitpid does not see the child.
  const pid = linux.clone(() => contain(container), namespaces | linux.SIGCHLD);
  started();
  // TODO 12: with -t, take over the inner terminal here (relay) until the container has ended.

  const { exitCode, signal } = linux.waitpid(pid);
  if (ranOutOfMemory(cgroups.memory)) console.error(`box.ts: out of memory (limit: ${container.memory})`);
  // With PID 1 all of the container's processes have ended, so the cgroups are empty and can be removed.
  removeCgroups(cgroups);
  return exitCode ?? 128 + signal!;
}

/** What is known of a container. `status` is null as long as it has not ended. */
type ContainerRecord = {
  command: string[];
  account: Account | null;
  // TODO 7: a pid is given out again. With the time at which its process started (/proc/PID/stat) it is a name for good.
  // TODO 8: as long as the machine runs, that is. Then the time begins anew: /proc/sys/kernel/random/boot_id.
  keeper: number;
  init: number | null;
  status: number | null;
};

function writeRecord(directory: string, record: ContainerRecord): void {
  // TODO 4: write it as JSON into a file of the directory.
  // TODO 9: in one step: under another name, and then rename (fs.renameSync).
}

/** Lists the containers. */
function ps({ containerDir }: ContainersOptions): void {
  // TODO 4: a line for each that has a record: id, state, command. The state is `running`, `exited (STATUS)`, or another
  // word where nobody knows: only the kernel knows whether it runs. Other levels have left directories without a record.
  throw new Error('TODO 4: list the containers, in ps');
}

/** Prints what the container has printed so far. */
function logs({ containerDir, id }: ContainerOptions): void {
  throw new Error('TODO 2: print the log, in logs');
}

/** Runs one more command in the container and returns its exit status. */
function exec({ containerDir, id, terminal, command }: ExecOptions): number {
  // TODO 5: fork; the child joins the cgroups (cgroupOf) and all namespaces of the container's PID 1 (linux.pidfd_open,
  // linux.setns), and forks again: only a child is in the PID namespace. That one becomes the user, and the command.
  throw new Error('TODO 5: run a command in the container, in exec');
}

/** Asks the container to end; makes it, if it has not done so when the time is over. */
function stop({ containerDir, id, grace }: StopOptions): void {
  // TODO 6: SIGTERM to PID 1 (linux.pidfd_send_signal), wait for its end (linux.poll), SIGKILL if it does not come. Then
  // wait for the keeper, too.
  throw new Error('TODO 6: end the container, in stop');
}

/** Removes all that is left of a container that has ended. */
function rm({ containerDir, id }: ContainerOptions): void {
  throw new Error('TODO 10: remove directory and cgroups, but of none that runs, in rm');
}

/** PID 1 of a container that goes on by itself. Does not return. */
function beInit(account: Account | null, command: string[]): never {
  // TODO 3: block the signals to be handed on, and SIGCHLD (linux.sigprocmask); fork, and the child becomes user and
  // command. Then take one signal after the other (linux.sigwaitinfo): hand it on (linux.kill), or wait for all children
  // that have ended (linux.waitpid with -1 and linux.WNOHANG). End as the command ends.
  if (account !== null) becomeUser(account);
  become(command);
}

/** In the container: makes a terminal and takes it for its own. Its other end goes to the keeper. */
function giveTerminal(socket: number, account: Account | null): void {
  // TODO 12: linux.openpty, linux.send_fd, linux.login_tty. The user must own it.
}

/** Hands on between our terminal and that of process `pid`, until it has ended. */
function relay(socket: number, pid: number): void {
  // TODO 12: linux.recv_fd; our own terminal raw, and afterwards as it was (linux.tcsetattr); the loop is in the lesson.
}

/** The container's cgroup for each controller: one directory on v2, two on v1. */
type Cgroups = { cpu: Cgroup; memory: Cgroup };
type Cgroup = { version: 1 | 2; directory: string };

function cgroupOf(controller: 'cpu' | 'memory', id: string): Cgroup {
  const { version, mountPoint } = findController(controller);
  return { version, directory: path.join(mountPoint, 'boxwright', id) };
}

function makeCgroups(id: string): Cgroups {
  return { cpu: makeCgroup('cpu', id), memory: makeCgroup('memory', id) };
}

function removeCgroups(cgroups: Cgroups): void {
  for (const cgroup of directoriesOf(cgroups)) fs.rmdirSync(cgroup);
}

/** The cgroups' directories, each once. */
function directoriesOf({ cpu, memory }: Cgroups): Set<string> {
  return new Set([cpu.directory, memory.directory]);
}

/** Makes the container's cgroup for a controller, below one that is the parent of all of ours. */
function makeCgroup(controller: 'cpu' | 'memory', id: string): Cgroup {
  const { version, mountPoint } = findController(controller);
  const parent = path.join(mountPoint, 'boxwright');
  fs.mkdirSync(parent, { recursive: true });
  // v2: a cgroup has the controllers that the one above hands down to it. So they are handed down from the top.
  if (version === 2) {
    for (const above of [mountPoint, parent]) writeTo(above, 'cgroup.subtree_control', `+${controller}`);
  }
  const cgroup = cgroupOf(controller, id);
  fs.mkdirSync(cgroup.directory, { recursive: true });
  return cgroup;
}

function writeTo(cgroup: string, file: string, value: string): void {
  fs.writeFileSync(path.join(cgroup, file), value);
}

/** Sets the container's share of the CPU. */
function limitCpu({ version, directory }: Cgroup, cpuShares: number): void {
  if (version === 1) writeTo(directory, 'cpu.shares', String(cpuShares));
  else writeTo(directory, 'cpu.weight', String(weightOf(cpuShares)));
}

/**
 * The weight (1 to 10000) for shares (2 to 262144), so that least, usual (1024, 100) and most mean the same in both.
 * As runc converts them: https://github.com/opencontainers/runc/pull/4785
 */
function weightOf(cpuShares: number): number {
  const magnitude = Math.log2(cpuShares);
  return Math.ceil(10 ** ((magnitude ** 2 + 125 * magnitude) / 612 - 7 / 34));
}

/** How much the container may use, in bytes: of memory, and of memory and swap together (Infinity: no limit). */
type MemoryLimits = { memory: number; total: number };

/** What the user typed, or null for no limits. */
function memoryLimits(memory: string | null, memorySwap: string | null): MemoryLimits | null {
  if (memory === null) {
    if (memorySwap !== null) throw new Error('--memory-swap needs --memory: it is memory and swap together');
    return null;
  }
  const limit = bytesOf('--memory', memory);
  // As docker does: as much swap as memory where nothing else is asked for.
  if (memorySwap === null) return { memory: limit, total: 2 * limit };
  const total = memorySwap === '-1' ? Infinity : bytesOf('--memory-swap', memorySwap);
  if (total < limit) {
    throw new Error(`--memory-swap ${memorySwap} is less than --memory ${memory}: it is memory and swap together`);
  }
  return { memory: limit, total };
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `64m` in bytes. */
function bytesOf(option: string, typed: string): number {
  const [, digits, unit = ''] = /^(\d+)([bkmg]?)$/i.exec(typed) ?? [];
  if (digits === undefined) throw new Error(`${option} takes a number of bytes, or one with k, m or g: not "${typed}"`);
  return Number(digits) * units[unit.toLowerCase()]!;
}

/** Sets the container's limits. The file for swap is missing where the kernel does not count it. */
function limitMemory({ version, directory }: Cgroup, { memory, total }: MemoryLimits): void {
  const limit = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  const swapLimit = version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
  writeTo(directory, limit, String(memory));
  if (!fs.existsSync(path.join(directory, swapLimit))) return;
  // v1 limits the sum, v2 swap alone; and each has a word of its own for no limit.
  if (version === 1) writeTo(directory, swapLimit, total === Infinity ? '-1' : String(total));
  else writeTo(directory, swapLimit, total === Infinity ? 'max' : String(total - memory));
}

/** Whether the kernel has killed a process of the container because its memory was used up. */
function ranOutOfMemory({ version, directory }: Cgroup): boolean {
  const file = version === 1 ? 'memory.oom_control' : 'memory.events';
  const [, kills] = /^oom_kill (\d+)$/m.exec(fs.readFileSync(path.join(directory, file), 'utf8')) ?? [];
  return kills !== undefined && kills !== '0';
}

/** The directory of the image, unpacked when it is first needed. All containers read it, and none may change it. */
function unpackOnce(imageDir: string, image: string): string {
  const lowerdir = path.join(imageDir, image, 'rootfs');
  if (fs.existsSync(lowerdir)) return lowerdir;
  const archive = path.join(imageDir, `${image}.tar`);
  if (!fs.existsSync(archive)) throw new Error(`there is no image "${image}" in ${imageDir}`);

  // Under another name until all of it is there: whoever finds the directory may take it for complete.
  fs.mkdirSync(path.dirname(lowerdir), { recursive: true });
  const unfinished = fs.mkdtempSync(`${lowerdir}-`);
  fs.chmodSync(unfinished, 0o755);
  tar.extract({
    file: archive,
    cwd: unfinished,
    sync: true,
    // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
    preservePaths: true,
    // Or the umask would take from the modes: /tmp is for everybody to write into.
    chmod: true,
    filter: (_path, entry) => !('type' in entry && entry.type.endsWith('Device')),
  });
  try {
    fs.renameSync(unfinished, lowerdir);
  } catch (error) {
    // Another runtime may have done the same, and been faster.
    if (!fs.existsSync(lowerdir)) throw error;
    fs.rmSync(unfinished, { recursive: true });
  }
  return lowerdir;
}

/** Mounts the container's root and returns where: the image below, and above it what this container writes. */
function mountRoot(directory: string, lowerdir: string): string {
  const [upperdir, workdir, root] = ['upper', 'work', 'root'].map((name) => path.join(directory, name));
  for (const made of [upperdir!, workdir!, root!]) fs.mkdirSync(made);
  // `/` takes its mode from here, and the umask may have left everybody but root outside.
  fs.chmodSync(upperdir!, 0o755);
  const data = `lowerdir=${lowerdir},upperdir=${upperdir},workdir=${workdir}`;
  // MS_NODEV: whatever comes to lie in the image or is made by the container, it opens no door to a device.
  linux.mount('overlay', root!, 'overlay', linux.MS_NODEV, data);
  return root!;
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain({ directory, lowerdir, cgroups, account, detach, volumes, command }: Container): never {
  // 0 means whoever writes it: the child's pid is another one outside. What it starts from now on is in there, too.
  for (const cgroup of directoriesOf(cgroups)) writeTo(cgroup, 'cgroup.procs', '0');
  // Not before: the cgroup in which a process is at this moment becomes the root of what it can see.
  linux.unshare(linux.CLONE_NEWCGROUP);
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted here would be mounted there, too.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
  // The container's id, which is the name of its directory.
  linux.sethostname(path.basename(directory));

  const root = mountRoot(directory, lowerdir);
  mountFilesystems(root);
  enterRoot(root, volumes);
  // TODO 12: with -t, take a terminal (giveTerminal).

  // Nothing that needs root comes after this. An init stays root, and its child becomes the user.
  if (account !== null && !detach) becomeUser(account);
  // PID 1 takes its container with it when it ends. This makes it end when the keeper does, however that happens. The
  // kernel forgets it when the user changes, so it stands after that.
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  // TODO 4: wait until the keeper has written down that you are here; end (linux._exit) if it was killed before.
  if (detach) beInit(account, command);
  become(command);
}

/** Whom the command runs as. */
type Account = { uid: number; gid: number };

/** The largest id: one more means "leave it as it is" to the kernel. */
const MAX_ID = 0xffff_fffe;

/** `1000:100` or `1000`: then the group has the same number. Numbers only, for a container may have no /etc/passwd. */
function accountOf(user: string): Account {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  const account = { uid: Number(uid), gid: Number(gid) };
  if (uid !== undefined && account.uid <= MAX_ID && account.gid <= MAX_ID) return account;
  throw new Error(`--user takes numbers, uid or uid:gid, up to ${MAX_ID}: not "${user}"`);
}

/** Gives up root, for good. In this order: without root, neither groups nor gid can be changed any more. */
function becomeUser({ uid, gid }: Account): void {
  linux.setgroups([]);
  linux.setgid(gid);
  linux.setuid(uid);
}

/** Makes the mount at `root` the root of this mount namespace, and lets go of the old one. */
function enterRoot(root: string, volumes: Volume[]): void {
  // Everything of the host has to be somewhere while we still stand in it: here, for two more calls.
  const putOld = path.join(root, '.old_root');
  fs.mkdirSync(putOld);
  linux.pivot_root(root, putOld);
  process.chdir('/');
  // TODO 11: here, the new root is `/` already, and the host can still be seen: mountVolume for each.
  // MNT_DETACH, for this program still runs from there: a plain umount answers EBUSY.
  linux.umount2('/.old_root', linux.MNT_DETACH);
  fs.rmdirSync('/.old_root');
}

/** Shows a directory or a file of the host, whose root is at `host`. */
function mountVolume(host: string, { source, target, readOnly }: Volume): void {
  // TODO 11: make the place, and a bind mount there. Read-only it becomes by a second mount with MS_REMOUNT. And if the
  // source is a link on the host (fs.realpathSync)?
}

/** Mounts what programs look for in every root: processes, the machine, devices. */
function mountFilesystems(root: string): void {
  linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** The devices that programs take for granted, by major and minor number: see the kernel's devices.txt. */
const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/** Fills a new /dev. */
function makeDevices(dev: string): void {
  // The umask takes bits from the mode of a new file, here the right to write of everybody but root.
  const umask = linux.umask(0);
  for (const [name, [major, minor]] of Object.entries(devices)) {
    linux.mknod(`${dev}/${name}`, linux.S_IFCHR | 0o666, linux.makedev(major, minor));
  }
  linux.umask(umask);

  fs.symlinkSync('/proc/self/fd', `${dev}/fd`);
  fs.symlinkSync('/proc/self/fd/0', `${dev}/stdin`);
  fs.symlinkSync('/proc/self/fd/1', `${dev}/stdout`);
  fs.symlinkSync('/proc/self/fd/2', `${dev}/stderr`);

  // Terminals that are made in the container, numbered from 0, apart from the host's.
  fs.mkdirSync(`${dev}/pts`);
  linux.mount(
    'devpts',
    `${dev}/pts`,
    'devpts',
    linux.MS_NOSUID | linux.MS_NOEXEC,
    'newinstance,ptmxmode=0666,mode=620',
  );
  fs.symlinkSync('pts/ptmx', `${dev}/ptmx`);
}

/** The child: becomes the command. Does not return. */
function become(command: string[]): never {
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(error.code === 'ENOENT' ? 127 : 126);
  }
}

box({ run, ps, logs, exec, stop, rm });
