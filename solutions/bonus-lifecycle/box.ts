// Bonus: containers that go on by themselves, and that others can find, enter and end.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import {
  box,
  type ContainerOptions,
  type ContainersOptions,
  type ExecOptions,
  type LifecycleOptions,
  type StopOptions,
  type Volume,
} from '#command-line';

/** All that the child gets of its own, from its first instruction on. */
const namespaces =
  linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;

/** What a container is made of. */
type Container = LifecycleOptions & {
  directory: string;
  lowerdir: string;
  cgroups: Cgroups;
  account: Account | null;
};

/** Runs the command in a new container and returns the exit status to report for it; with `-d` that of starting it. */
function run(options: LifecycleOptions): number {
  const { image, imageDir, containerDir, cpuShares, memory, memorySwap, user, detach, terminal } = options;
  const limits = memoryLimits(memory, memorySwap);
  const account = user === null ? null : accountOf(user);
  // Where links of the host lead: later on we see another /.
  const volumes = options.volumes.map((volume) => ({ ...volume, source: fs.realpathSync(volume.source) }));
  if (terminal) needTerminal();
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
  const container = { ...options, volumes, directory, lowerdir, cgroups, account };
  return detach ? startKeeper(container) : keep(container, () => {});
}

/** Has the container kept by a process of its own, and says its id as soon as it runs. */
function startKeeper(container: Container): number {
  const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
  const keeper = linux.fork();
  if (keeper === 0) {
    fs.closeSync(receiver);
    leaveStarter(container.directory);
    keep(container, () => {
      fs.writeSync(sender, 'it runs');
      fs.closeSync(sender);
    });
    linux._exit(0);
  }
  fs.closeSync(sender);
  // A word, or the end: the keeper has broken off, and its copy of the other end is closed.
  const started = fs.readSync(receiver, Buffer.alloc(16)) > 0;
  if (!started) throw new Error(`the container did not start:\n${fs.readFileSync(logOf(container.directory), 'utf8')}`);
  console.log(path.basename(container.directory));
  return 0;
}

/** The keeper: parts from the terminal, and from all that whoever started it may be waiting at. */
function leaveStarter(directory: string): void {
  // No Ctrl-C and no end of the terminal is a signal to it.
  linux.setsid();
  process.chdir(directory);
  const nothing = fs.openSync('/dev/null', 'r');
  const log = fs.openSync(logOf(directory), 'a', 0o600);
  linux.dup2(nothing, 0);
  linux.dup2(log, 1);
  linux.dup2(log, 2);
  fs.closeSync(nothing);
  fs.closeSync(log);
}

function logOf(directory: string): string {
  return path.join(directory, 'log');
}

/** Starts the container, waits for its end, and writes down both. Returns its exit status. */
function keep(container: Container, started: () => void): number {
  const { directory, cgroups, account, command } = container;
  const keeper = processNow(linux.getpid())!;
  const record: ContainerRecord = { command, account, keeper, init: null, status: null };
  writeRecord(directory, record);

  const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
  const [here, there] = linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM | linux.SOCK_CLOEXEC);
  // SIGCHLD: without it waitpid does not see the child.
  const pid = linux.clone(() => {
    fs.closeSync(sender);
    fs.closeSync(here);
    contain(container, receiver, there);
  }, namespaces | linux.SIGCHLD);
  fs.closeSync(receiver);
  fs.closeSync(there);
  const running = { ...record, init: processNow(pid) };
  writeRecord(directory, running);
  // Not before: what is not written down yet, nobody could find if we were killed now.
  fs.writeSync(sender, 'go');
  fs.closeSync(sender);
  started();

  if (container.terminal) relay(here, pid);
  fs.closeSync(here);
  const status = statusOf(linux.waitpid(pid));
  if (ranOutOfMemory(cgroups.memory))
    console.error(`box.ts: the container ran out of memory (limit: ${container.memory})`);
  // With PID 1 all of the container's processes have ended, so the cgroups are empty and can be removed.
  removeCgroups(cgroups);
  writeRecord(directory, { ...running, status });
  return status;
}

function statusOf({ exitCode, signal }: linux.ExitStatus): number {
  return exitCode ?? 128 + signal!;
}

/** What is known of a container. */
type ContainerRecord = {
  command: string[];
  account: Account | null;
  /** Who waits for its end. */
  keeper: ProcessName;
  /** Its PID 1; null as long as there is none. */
  init: ProcessName | null;
  /** null as long as it has not ended; and for ever, where its keeper was killed. */
  status: number | null;
};

/** A process, by what no other one has, before it or after it: pids are given out again. */
type ProcessName = {
  pid: number;
  /** In clock ticks since the machine was started. */
  startTime: string;
  /** Of this start of the machine: the ticks begin anew with the next one, and so do the pids. */
  boot: string;
};

/** The process that has this pid now; null where there is none, or one that has ended. */
function processNow(pid: number): ProcessName | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name, and may hold spaces and brackets.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return state === 'Z' || state === 'X' ? null : { pid, startTime: fields[18]!, boot };
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) throw error;
    return null;
  }
}

function isAlive(known: ProcessName | null): boolean {
  if (known === null) return false;
  const now = processNow(known.pid);
  return now?.startTime === known.startTime && now.boot === known.boot;
}

function recordOf(directory: string): string {
  return path.join(directory, 'record.json');
}

function writeRecord(directory: string, record: ContainerRecord): void {
  // Under another name until all of it is on the disk: whoever reads the file finds the old record or the new one.
  const unfinished = `${recordOf(directory)}.new`;
  fs.writeFileSync(unfinished, JSON.stringify(record), { mode: 0o600, flush: true });
  fs.renameSync(unfinished, recordOf(directory));
}

/** null where the directory holds none: levels before this one made such containers. */
function readRecord(directory: string): ContainerRecord | null {
  try {
    return JSON.parse(fs.readFileSync(recordOf(directory), 'utf8')) as ContainerRecord;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) throw error;
    return null;
  }
}

/** What became of a container, as the kernel says now; what was written down may be long untrue. */
function stateOf({ keeper, init, status }: ContainerRecord): string {
  if (isAlive(init)) return 'running';
  if (status !== null) return `exited (${status})`;
  if (isAlive(keeper)) return init === null ? 'starting' : 'ending';
  return 'lost';
}

/** Lists the containers. */
function ps({ containerDir }: ContainersOptions): void {
  const names = fs.existsSync(containerDir) ? fs.readdirSync(containerDir) : [];
  for (const id of names) {
    const record = readRecord(path.join(containerDir, id));
    if (record === null) continue;
    console.log(`${id}  ${stateOf(record).padEnd(12)}  ${record.command.join(' ').replaceAll(/\s+/g, ' ')}`);
  }
}

/** The container of that id. */
function find({ containerDir, id }: ContainerOptions): { directory: string; record: ContainerRecord } {
  const directory = path.join(containerDir, id);
  const record = readRecord(directory);
  if (record === null) throw new Error(`there is no container ${id} in ${containerDir}`);
  return { directory, record };
}

/** Prints what the container has printed so far. */
function logs(asked: ContainerOptions): void {
  const { directory } = find(asked);
  if (fs.existsSync(logOf(directory))) fs.writeFileSync(1, fs.readFileSync(logOf(directory)));
}

/** A descriptor of a process that is known by name. */
function open(known: ProcessName | null): number | null {
  if (known === null || !isAlive(known)) return null;
  try {
    const pidfd = linux.pidfd_open(known.pid);
    // It may have ended between the look and the call; from now on the descriptor is this process and no other.
    return isAlive(known) ? pidfd : null;
  } catch (error) {
    if (!(error instanceof linux.LinuxError) || error.code !== 'ESRCH') throw error;
    return null;
  }
}

/** Whether a process that was opened ends before the time is over. */
function endsWithin(pidfd: number, milliseconds: number): boolean {
  return linux.poll([{ fd: pidfd, events: linux.POLLIN }], milliseconds) > 0;
}

/** Asks the container to end; makes it, if it has not done so when the time is over. */
function stop({ grace, ...asked }: StopOptions): void {
  const { record } = find(asked);
  const init = open(record.init);
  if (init === null) throw new Error(`${asked.id} is not running`);
  const keeper = open(record.keeper);
  linux.pidfd_send_signal(init, linux.SIGTERM);
  if (!endsWithin(init, grace * 1000)) linux.pidfd_send_signal(init, linux.SIGKILL);
  endsWithin(init, -1);
  // It writes down how the container has ended.
  if (keeper !== null) endsWithin(keeper, -1);
}

/** Removes all that is left of a container that has ended. */
function rm(asked: ContainerOptions): void {
  const { directory, record } = find(asked);
  const state = stateOf(record);
  if (!state.startsWith('exited') && state !== 'lost') throw new Error(`${asked.id} is ${state}: stop it first`);
  // A keeper that was killed has left them.
  for (const cgroup of directoriesOf(cgroupsOf(asked.id))) if (fs.existsSync(cgroup)) fs.rmdirSync(cgroup);
  fs.rmSync(directory, { recursive: true });
}

/** Runs one more command in the container and returns its exit status. */
function exec({ terminal, command, ...asked }: ExecOptions): number {
  const { record } = find(asked);
  const init = open(record.init);
  if (init === null) throw new Error(`${asked.id} is not running`);
  if (terminal) needTerminal();
  const [here, there] = linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM | linux.SOCK_CLOEXEC);
  // Node has several threads, and setns moves the one that calls it. A child has just that one.
  const pid = linux.fork();
  if (pid === 0) {
    fs.closeSync(here);
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    // While we can see the host's cgroups. They count what we do from here on, like all that the container does.
    for (const cgroup of directoriesOf(cgroupsOf(asked.id))) writeTo(cgroup, 'cgroup.procs', '0');
    linux.setns(init, namespaces | linux.CLONE_NEWCGROUP);
    // A process keeps its pid, so it stays in its PID namespace: only its children are in the other one.
    const inner = linux.fork();
    if (inner === 0) {
      if (terminal) giveTerminal(there, record.account);
      if (record.account !== null) becomeUser(record.account);
      linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
      become(command);
    }
    fs.closeSync(there);
    linux._exit(statusOf(linux.waitpid(inner)));
  }
  fs.closeSync(there);
  if (terminal) relay(here, pid);
  return statusOf(linux.waitpid(pid));
}

/** PID 1 of a container that goes on by itself: starts the command, and does what is left to PID 1. Does not return. */
function beInit(account: Account | null, command: string[]): never {
  // Blocked, they wait for us. Otherwise the kernel would keep them from a PID 1 that does not catch them.
  linux.sigprocmask(linux.SIG_BLOCK, [...handedOn, linux.SIGCHLD]);
  const pid = linux.fork();
  if (pid === 0) {
    if (account !== null) becomeUser(account);
    become(command);
  }
  // Signals are all that it waits for. (Who waits for descriptors as well takes signalfd(2).)
  for (;;) {
    const signal = linux.sigwaitinfo([...handedOn, linux.SIGCHLD]);
    if (signal === linux.SIGCHLD) reap(pid);
    else linux.kill(pid, signal);
  }
}

/** Signals by which somebody tells a program something. */
const handedOn = [
  linux.SIGHUP,
  linux.SIGINT,
  linux.SIGQUIT,
  linux.SIGUSR1,
  linux.SIGUSR2,
  linux.SIGALRM,
  linux.SIGTERM,
  linux.SIGCONT,
  linux.SIGTSTP,
  linux.SIGWINCH,
];

/** Takes note of all children that have ended, also of those that others have left; ends with the command. */
function reap(command: number): void {
  // One SIGCHLD may stand for several.
  for (;;) {
    const ended = linux.waitpid(-1, linux.WNOHANG);
    if (ended.pid === 0) return;
    if (ended.pid === command) linux._exit(statusOf(ended));
  }
}

/** @throws Error where stdin is no terminal */
function needTerminal(): void {
  try {
    linux.tcgetattr(0);
  } catch (error) {
    throw new Error('-t needs a terminal, and stdin is none', { cause: error });
  }
}

/** In the container: makes a terminal and takes it for its own. Its other end goes to the keeper. */
function giveTerminal(socket: number, account: Account | null): void {
  // From the container's own devpts. With the size of the host's one, on which we still are.
  const [master, slave] = linux.openpty(linux.tcgetwinsize(0));
  if (account !== null) fs.fchownSync(slave, account.uid, account.gid);
  linux.send_fd(socket, master);
  fs.closeSync(master);
  linux.login_tty(slave);
}

/** Hands on between our terminal and that of process `pid`, until it has ended. */
function relay(socket: number, pid: number): void {
  const master = receive(socket);
  // It broke off before it had one.
  if (master === null) return;
  const before = linux.tcgetattr(0);
  linux.tcsetattr(0, linux.TCSADRAIN, linux.cfmakeraw(before));
  try {
    handOn(master, linux.pidfd_open(pid));
  } finally {
    linux.tcsetattr(0, linux.TCSADRAIN, before);
    fs.closeSync(master);
  }
}

function receive(socket: number): number | null {
  try {
    return linux.recv_fd(socket);
  } catch (error) {
    if (!(error instanceof linux.LinuxError) || error.code !== 'EPIPE') throw error;
    return null;
  }
}

/** Milliseconds. A SIGWINCH would not reach us: other threads of Node may get it. */
const LOOK_AT_SIZE = 200;

function handOn(master: number, pidfd: number): void {
  const [typed, shown, end] = [0, master, pidfd].map((fd) => ({ fd, events: linux.POLLIN, revents: 0 }));
  for (;;) {
    linux.poll([typed!, shown!, end!], LOOK_AT_SIZE);
    const size = linux.tcgetwinsize(0);
    const its = linux.tcgetwinsize(master);
    if (size.rows !== its.rows || size.columns !== its.columns) linux.tcsetwinsize(master, size);
    if (typed!.revents !== 0 && !pass(0, master)) typed!.fd = -1;
    if (shown!.revents !== 0) {
      if (!pass(master, 1)) return;
    } else if (end!.revents !== 0) return;
  }
}

/** Hands on what there is; false where there is no more, and never will be. */
function pass(from: number, to: number): boolean {
  const bytes = Buffer.alloc(0x1_0000);
  try {
    const length = fs.readSync(from, bytes);
    fs.writeFileSync(to, bytes.subarray(0, length));
    return length > 0;
  } catch (error) {
    // The last one at the terminal has gone.
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
    return false;
  }
}

/** The container's cgroup for each controller: one directory on v2, two on v1. */
type Cgroups = { cpu: Cgroup; memory: Cgroup };
type Cgroup = { version: 1 | 2; directory: string };

function cgroupsOf(id: string): Cgroups {
  return { cpu: cgroupOf('cpu', id), memory: cgroupOf('memory', id) };
}

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
function contain(container: Container, receiver: number, socket: number): never {
  const { directory, lowerdir, cgroups, account, volumes, command } = container;
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
  if (container.terminal) giveTerminal(socket, account);
  fs.closeSync(socket);
  // Nothing that needs root comes after this. An init stays root, and its child becomes the user.
  if (account !== null && !container.detach) becomeUser(account);
  // PID 1 takes its container with it when it ends. This makes it end when the keeper does, however that happens. The
  // kernel forgets it when the user changes, so it stands after that.
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  // Nothing: the keeper was killed before it could write down that we are here.
  if (fs.readFileSync(receiver, 'utf8') === '') linux._exit(125);
  fs.closeSync(receiver);
  if (container.detach) beInit(account, command);
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
  for (const volume of volumes) mountVolume('/.old_root', volume);
  // MNT_DETACH, for this program still runs from there: a plain umount answers EBUSY.
  linux.umount2('/.old_root', linux.MNT_DETACH);
  fs.rmdirSync('/.old_root');
}

/**
 * Shows a directory or a file of the host. In the new root already: a link of the image on the way to `target` leads to
 * a place in the container then, and not to one of the host.
 */
function mountVolume(host: string, { source, target, readOnly }: Volume): void {
  if (fs.statSync(host + source).isDirectory()) fs.mkdirSync(target, { recursive: true });
  else {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.closeSync(fs.openSync(target, 'a'));
  }
  linux.mount(host + source, target, null, linux.MS_BIND);
  // A second call: the first one takes no notice of other flags.
  const flags = linux.MS_NODEV | linux.MS_NOSUID | (readOnly ? linux.MS_RDONLY : 0);
  linux.mount(null, target, null, linux.MS_BIND | linux.MS_REMOUNT | flags);
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
