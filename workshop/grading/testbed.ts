// A testbed: a disposable "host" on which a student's program runs, with everything of it gone afterwards.
//
// One process, PID 1 of the testbed, holds its namespaces (testbed-init.sh). Programs enter them with nsenter, as
// children of ours: how they end cannot be forged from inside. What they did is read from out here, through the
// machine's own /proc, which nobody in the testbed can reach.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dataDirectory, runDirectory, workshopRoot } from '../paths.ts';
import { cgroupHierarchies, type Hierarchy } from './cgroup-mounts.ts';
import { forbiddenCapabilities, guard } from './guard.ts';
import { startTimeOf } from './processes.ts';

/** At most this many threads and processes: a fork bomb is a failed check, not a dead machine. */
const PROCESS_LIMIT = 128;
/** Bytes. */
const MEMORY_LIMIT = 1024 ** 3;
/** What the course uses; a testbed shows its programs just these. */
const courseControllers = ['cpu', 'cpuacct', 'memory', 'pids'];
const records = path.join(runDirectory, 'testbeds');
const initScript = path.join(import.meta.dirname, 'testbed-init.sh');

/** A disposable host. Close it, or declare it with `await using`. */
export type Testbed = {
  readonly id: string;
  /** Its hostname at the beginning. */
  readonly hostname: string;
  /** The pid, on this machine, of its PID 1. */
  readonly initPid: number;
  /**
   * Starts a program in it.
   *
   * @param options.trace gives the program a descriptor 3 to write to
   * @param options.terminal hands over this process's own terminal in place of pipes
   * @param options.oneCpu keeps it, and what it starts, on the first CPU that we may use
   */
  start(
    command: readonly string[],
    options: { cwd: string; env: Record<string, string>; trace?: boolean; terminal?: boolean; oneCpu?: boolean },
  ): ChildProcess;
  /** Makes a file on this host, with the folders above it. */
  writeFile(name: string, text: string | Uint8Array, mode: number): void;
  /** The pids, on this machine, of all its processes but PID 1. */
  pids(): number[];
  /** The CPU time that all its processes have used so far, in milliseconds. */
  cpuTime(): number;
  /** cgroups that a program made in it, relative to its root. */
  cgroups(): string[];
  /** Its root cgroup in each hierarchy, as a directory of the machine, and what programs made below it, by name. */
  readonly cgroupRoots: readonly (Pick<Hierarchy, 'version' | 'controllers'> & {
    directory: string;
    names(): string[];
  })[];
  /** Files that were made, changed or deleted on this host, without those in filesystems of their own. */
  changedFiles(): string[];
  /** The folders of containers and of images, as we can open them; what the program mounted there does not cover them. */
  readonly containersFolder: string;
  readonly imagesFolder: string;
  /** Whether somebody outside has ended it, which no program in it can do: what was seen of it then says nothing. */
  wasEndedFromOutside(): boolean;
  /** Ends everything in it and removes it. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** This machine does not let us make a testbed, or one that will do; the message says what was refused, and what to do. */
export class NoTestbed extends Error {
  override name = 'NoTestbed';
}

/**
 * The environment variable with the paths of the machine that are not there in the testbeds opened here, as a JSON
 * list: what other people have handed in, for example. Of a file below them that must be seen, a testbed has a copy.
 */
export const hiddenVariable = 'BOXWRIGHT_HIDDEN';

/**
 * Opens a testbed.
 *
 * @param shownPaths paths of the machine that must be seen in it, also where they are on a filesystem of their own
 * @throws NoTestbed where this machine does not let us make one
 */
export async function openTestbed(shownPaths: readonly string[] = []): Promise<Testbed> {
  try {
    return await open(shownPaths);
  } catch (error) {
    throw new NoTestbed(
      `${(error as Error).message}. A plain container has no right to make namespaces: use the virtual machine (vagrant up), or a container with --privileged`,
      { cause: error },
    );
  }
}

async function open(shownPaths: readonly string[]): Promise<Testbed> {
  const id = `${process.pid}-${randomBytes(4).toString('hex')}`;
  const hostname = `host-${randomBytes(3).toString('hex')}`;
  const cgroups = makeCgroups(id);
  let holder: ChildProcess | undefined;
  try {
    holder = startHolder(hostname, cgroups, shownPaths);
    await ready(holder);
    const initPid = childOf(holder.pid!);
    leaveRootOfUnified(cgroups);
    return testbed(id, hostname, initPid, holder, cgroups);
  } catch (error) {
    holder?.kill('SIGKILL');
    await removeCgroups(cgroups.map(({ directory }) => directory));
    forget(id);
    throw error;
  }
}

/** One cgroup of a testbed: its root in a hierarchy. */
type TestbedCgroup = { hierarchy: Hierarchy; directory: string };

function testbed(
  id: string,
  hostname: string,
  initPid: number,
  holder: ChildProcess,
  cgroups: TestbedCgroup[],
): Testbed {
  const directories = cgroups.map(({ directory }) => directory);
  const joined = cgroups.map(({ hierarchy, directory }) =>
    hierarchy.version === 2 ? path.join(directory, 'init') : directory,
  );
  const started: ChildProcess[] = [];
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    holder.kill('SIGKILL');
    for (const child of started) child.kill('SIGKILL');
    await removeCgroups(directories);
    await Promise.all([holder, ...started].map(ended));
    forget(id);
  }

  const self: Testbed = {
    id,
    hostname,
    initPid,
    start(command, { cwd, env, trace = false, terminal = false, oneCpu = false }) {
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const enter = ['--target', String(initPid), '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
      const kept = oneCpu ? ['taskset', '--cpu-list', firstCpu()] : [];
      const program = [...withoutForbidden, ...kept, 'env', '-i', '-C', cwd, ...variables, ...command];
      const standard = terminal ? 'inherit' : 'pipe';
      const child = spawn('sh', ['-c', `${joining(joined)}; exec nsenter "$@"`, 'sh', ...enter, '--', ...program], {
        stdio: [standard, standard, standard, ...(trace ? (['pipe'] as const) : [])],
        // A session of its own: no terminal to push characters into, and Ctrl-C is ours to handle.
        detached: !terminal,
      });
      started.push(child);
      return child;
    },
    writeFile(name, text, mode) {
      const there = `/proc/${initPid}/root${name}`;
      fs.mkdirSync(path.dirname(there), { recursive: true });
      fs.writeFileSync(there, text, { mode });
    },
    pids() {
      const init = new Set([initPid, holder.pid, ...started.map(({ pid }) => pid)]);
      return memberPids(directories).filter((pid) => !init.has(pid));
    },
    cpuTime() {
      for (const directory of directories) {
        const nanoseconds = read(path.join(directory, 'cpuacct.usage'));
        if (nanoseconds !== '') return Number(nanoseconds) / 1_000_000;
        const microseconds = /^usage_usec (\d+)$/m.exec(read(path.join(directory, 'cpu.stat')))?.[1];
        if (microseconds !== undefined) return Number(microseconds) / 1000;
      }
      return 0;
    },
    cgroups() {
      return self.cgroupRoots.flatMap(({ names }) => names());
    },
    cgroupRoots: cgroups.map(({ hierarchy: { version, controllers }, directory }) => ({
      version,
      controllers,
      directory,
      names() {
        const found = below(directory).map((cgroup) => path.relative(directory, cgroup));
        return found.filter((name) => name !== 'init');
      },
    })),
    changedFiles() {
      return filesIn(`/proc/${initPid}/fd/9`);
    },
    containersFolder: `/proc/${initPid}/fd/8`,
    imagesFolder: `/proc/${initPid}/fd/7`,
    wasEndedFromOutside() {
      // Where its PID 1 dies, the holder ends with a status.
      return closing === undefined && holder.signalCode !== null;
    },
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]() {
      return self.close();
    },
  };
  return self;
}

/** The environment variable that names the process (by pid) which answers for the testbeds opened here. */
export const ownerVariable = 'BOXWRIGHT_OWNER';

/** What the sweep found of a run that could not clean up after itself. */
export type Swept = { id: string; processes: number; cgroups: number };

/**
 * Removes what killed runs left of their testbeds: processes and cgroups. (Mounts and files went with the namespaces.)
 *
 * @param owner only those of this process, also while it lives; without it, those of processes that are gone
 */
export async function sweepTestbeds(owner?: number): Promise<Swept[]> {
  const swept: Swept[] = [];
  for (const name of list(records)) {
    const record = readRecord(path.join(records, name));
    if (record === null) continue;
    const mine = owner === record.pid;
    if (owner === undefined ? startTimeOf(record.pid) === record.startTime : !mine) continue;
    const processes = memberPids(record.directories).length;
    const cgroups = record.directories.filter((directory) => fs.existsSync(directory)).length;
    await removeCgroups(record.directories);
    forget(name);
    swept.push({ id: name, processes, cgroups });
  }
  return swept;
}

// ---- cgroups -------------------------------------------------------------------------------------------------

/** One in each hierarchy, also where the course does not use it: a hierarchy without one shows the machine's own root. */
function makeCgroups(id: string): TestbedCgroup[] {
  const cgroups = cgroupHierarchies().map((hierarchy) => ({ hierarchy, directory: cgroupPath(hierarchy, id) }));
  remember(
    id,
    cgroups.map(({ directory }) => directory),
  );
  for (const { hierarchy } of cgroups) makeRootEmpty(hierarchy);
  for (const { hierarchy, directory } of cgroups) {
    // First, since a parent without children may go at any moment: another testbed that closes removes it.
    fs.mkdirSync(directory, { recursive: true });
    if (hierarchy.version === 2) enableControllers(hierarchy.mountPoint, path.dirname(directory));
    if (hierarchy.controllers.includes('cpuset')) inheritCpus(directory);
    writeIfThere(path.join(directory, 'pids.max'), PROCESS_LIMIT);
    writeIfThere(path.join(directory, 'memory.max'), MEMORY_LIMIT);
    if (hierarchy.controllers.includes('memory')) {
      writeIfThere(path.join(directory, 'memory.limit_in_bytes'), MEMORY_LIMIT);
    }
    if (hierarchy.version === 2) guardIfPossible(directory);
  }
  return cgroups;
}

/** v1: a new cgroup has no processor and no memory node, and takes no process before it has. See cpuset(7). */
function inheritCpus(directory: string): void {
  for (const child of [path.dirname(directory), directory]) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      fs.writeFileSync(path.join(child, file), fs.readFileSync(path.join(path.dirname(child), file)));
    }
  }
}

/** Kernels without BPF for cgroups, and containers that may not load it, have a testbed without this guard. */
function guardIfPossible(directory: string): void {
  try {
    guard(directory);
  } catch {
    // The testbed still is a host of its own.
  }
}

/** v1: below our own cgroup, so that limits set on us hold for it. v2: below the root, since ours holds processes. */
function cgroupPath(hierarchy: Hierarchy, id: string): string {
  const parent = hierarchy.version === 2 ? hierarchy.mountPoint : hierarchy.ownDirectory;
  return path.join(parent, 'boxwright-testbeds', id);
}

/**
 * v2, in a container: what it sees as the root is a cgroup like any other, which hands down no controller while it has
 * processes. They go into a leaf, and stay there. See cgroups(7), "no internal processes".
 */
function makeRootEmpty({ version, mountPoint }: Hierarchy): void {
  // The machine's own root has no type, and may have processes.
  if (version !== 2 || !fs.existsSync(path.join(mountPoint, 'cgroup.type'))) return;
  const leaf = path.join(mountPoint, 'processes');
  for (let pids = membersOf(mountPoint); pids.length > 0; pids = membersOf(mountPoint)) {
    fs.mkdirSync(leaf, { recursive: true });
    for (const pid of pids) moveIfThere(pid, leaf);
  }
}

/** v2: a cgroup has a controller only if every cgroup above it hands it down. See cgroups(7). */
function enableControllers(root: string, parent: string): void {
  const available = fs.readFileSync(path.join(root, 'cgroup.controllers'), 'utf8').split(/\s+/);
  for (const controller of ['cpu', 'memory', 'pids'].filter((name) => available.includes(name))) {
    for (const directory of [root, parent]) {
      fs.writeFileSync(path.join(directory, 'cgroup.subtree_control'), `+${controller}`);
    }
  }
}

/** v2: processes live in a leaf of their own, or the testbed's root could not enable controllers below it. */
function leaveRootOfUnified(cgroups: TestbedCgroup[]): void {
  for (const { hierarchy, directory } of cgroups) {
    if (hierarchy.version !== 2) continue;
    fs.mkdirSync(path.join(directory, 'init'));
    for (const pid of membersOf(directory)) {
      fs.writeFileSync(path.join(directory, 'init', 'cgroup.procs'), String(pid));
    }
  }
}

/** Kills what is in the cgroups and removes them. */
async function removeCgroups(directories: readonly string[]): Promise<void> {
  const patience = AbortSignal.timeout(10_000);
  for (;;) {
    const pids = memberPids(directories);
    for (const pid of pids) killIfThere(pid);
    // A frozen process dies only when it thaws.
    for (const directory of directories) thaw(directory);
    const left = directories.flatMap((directory) => below(directory).toReversed().concat(directory));
    // A cgroup can be removed once its last process has been reaped, which takes the kernel a moment.
    if (left.filter((directory) => !removed(directory)).length === 0) break;
    if (patience.aborted) {
      throw new Error(`these cgroups could not be removed: ${left.join(', ')}`);
    }
    await delay(2);
  }
  for (const directory of directories) removed(path.dirname(directory));
}

/** Removes an empty directory, or a cgroup without processes. Whether it is gone. */
export function removed(directory: string): boolean {
  try {
    fs.rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function thaw(directory: string): void {
  for (const frozen of [directory, ...below(directory)]) {
    try {
      writeIfThere(path.join(frozen, 'freezer.state'), 'THAWED');
    } catch (error) {
      // Gone since, or below one that is still frozen: the next round comes by again.
      if (!['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code!)) throw error;
    }
  }
}

function below(directory: string): string[] {
  return list(directory, 'directories').flatMap((name) => {
    const child = path.join(directory, name);
    return [child, ...below(child)];
  });
}

function memberPids(directories: readonly string[]): number[] {
  const all = directories.flatMap((directory) => [directory, ...below(directory)]).flatMap(membersOf);
  // 0: a process that this PID namespace does not see.
  return [...new Set(all)].filter((pid) => pid !== 0);
}

function membersOf(directory: string): number[] {
  try {
    return fs.readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

// ---- the holder ----------------------------------------------------------------------------------------------

function startHolder(hostname: string, cgroups: TestbedCgroup[], shownPaths: readonly string[]): ChildProcess {
  const data = dataDirectory();
  const [containers, images] = ['containers', 'images'].map((name) => path.join(data, name)) as [string, string];
  // Where they lie on a filesystem of their own, the testbed sees that one read-only, and could not make them.
  for (const folder of [containers, images]) makeIfPossible(folder);
  const hidden = hiddenPaths();
  const own = shownPaths.filter((shownPath) => hidden.some((folder) => isBelow(shownPath, folder)));
  const others = shownPaths.filter((shownPath) => !own.includes(shownPath));
  const shown = mountPointsFor([workshopRoot, process.execPath, data, '/usr/bin', '/bin', ...others]);
  const hierarchies = cgroups
    .map(({ hierarchy }) => hierarchy)
    .filter(
      ({ version, controllers }) => version === 2 || controllers.some((name) => courseControllers.includes(name)),
    );
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
  const tables = [mountsOfHost(shown, hidden, hierarchies, containers, images), viewsOfHost(containers, images)];
  const init = ['sh', initScript, runDirectory, hostname, images, ...tables, hidden.join('\n'), own.join('\n')];
  return spawn(
    'sh',
    [
      '-c',
      `${joining(cgroups.map(({ directory }) => directory))}; exec unshare "$@"`,
      'unshare',
      ...namespaces,
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
      ...withoutForbidden,
      ...init,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: { PATH: systemPath, LC_ALL: 'C' } },
  );
}

/** Starts a program that cannot gain the forbidden capabilities. See setpriv(1). */
const withoutForbidden = ['setpriv', `--bounding-set=${forbiddenCapabilities.map((name) => `-${name}`).join(',')}`];

/** The mounts of a testbed's host, in the form of fstab(5). */
function mountsOfHost(
  shown: string[],
  hidden: string[],
  hierarchies: Hierarchy[],
  containers: string,
  images: string,
): string {
  const base = runDirectory;
  const layersOver = (point: string): string =>
    ['own', 'hidden'].map((layer) => `${base}/layers/${layer}${point === '/' ? '' : point}:`).join('');
  const covered = (point: string): boolean => hidden.some((folder) => isBelow(folder, point));
  const root = `${base}/root`;
  const cgroup2AtTop = hierarchies.some(({ version, mountPoint }) => version === 2 && mountPoint === '/sys/fs/cgroup');
  return fstab([
    [
      'testbed',
      root,
      'overlay',
      `lowerdir=${hidden.length === 0 ? '' : layersOver('/')}/,upperdir=${base}/upper,workdir=${base}/work`,
    ],
    ...shown.map((point): MountLine =>
      covered(point)
        ? ['shown', root + point, 'overlay', `ro,lowerdir=${layersOver(point)}${point}`]
        : [point, root + point, 'none', 'bind,ro'],
    ),
    ['proc', `${root}/proc`, 'proc', 'defaults'],
    ['sysfs', `${root}/sys`, 'sysfs', 'defaults'],
    ...(cgroup2AtTop ? [] : ([['tmpfs', `${root}/sys/fs/cgroup`, 'tmpfs', 'mode=755']] satisfies MountLine[])),
    ...hierarchies.map(({ version, mountPoint, controllers }): MountLine =>
      version === 2
        ? ['cgroup2', root + mountPoint, 'cgroup2', 'X-mount.mkdir']
        : ['cgroup', root + mountPoint, 'cgroup', `X-mount.mkdir,${controllers.join(',')}`],
    ),
    ['tmpfs', `${root}/dev`, 'tmpfs', 'mode=755'],
    ['devpts', `${root}/dev/pts`, 'devpts', 'X-mount.mkdir,newinstance,ptmxmode=666,mode=620'],
    ['tmpfs', `${root}/dev/shm`, 'tmpfs', 'X-mount.mkdir'],
    // Filesystems of their own, since the layers of an overlay that can be written must not lie on an overlay.
    ['containers', root + containers, 'tmpfs', 'X-mount.mkdir,size=256m,mode=755'],
    ['images', root + images, 'tmpfs', 'X-mount.mkdir,size=256m,mode=755'],
  ]);
}

/** The images' archives, the images that were pulled, and where the checker looks at what is made beside them. */
function viewsOfHost(containers: string, images: string): string {
  const root = `${runDirectory}/root`;
  const archives = list(images)
    .filter((name) => name.endsWith('.tar'))
    .map((name) => path.join(images, name));
  const layouts = list(images, 'directories')
    .map((name) => path.join(images, name))
    .filter((folder) => fs.existsSync(path.join(folder, 'index.json')));
  return fstab([
    ...archives.map((archive): MountLine => [archive, root + archive, 'none', 'bind,ro']),
    ...layouts.map((folder): MountLine => [folder, root + folder, 'none', 'bind,ro,X-mount.mkdir']),
    [root + containers, `${runDirectory}/containers`, 'none', 'bind'],
    [root + images, `${runDirectory}/images`, 'none', 'bind'],
  ]);
}

/** The paths that `hiddenVariable` names. */
function hiddenPaths(): string[] {
  return JSON.parse(process.env[hiddenVariable] ?? '[]') as string[];
}

function isBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

type MountLine = [source: string, target: string, type: string, options: string];

function fstab(lines: MountLine[]): string {
  const escaped = (word: string): string =>
    word.replaceAll(/[\s\\]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return lines.map((line) => [...line.map(escaped), '0', '0'].join(' ')).join('\n');
}

/** The first of the CPUs that we may use, by number. See taskset(1). */
function firstCpu(): string {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)![1]!;
}

/** Where Debian keeps programs. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function ready(holder: ChildProcess): Promise<void> {
  let said = '';
  let complaint = '';
  holder.stderr!.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  holder.stdout!.setEncoding('utf8');
  const gone = ended(holder);
  for await (const text of holder.stdout!) {
    said += text as string;
    if (said.includes('ready\n')) return;
  }
  await gone;
  throw new Error(`this machine does not let us make a testbed: ${complaint.trim() || 'its first process ended'}`);
}

/** The testbed's PID 1 is the one child of the `unshare` that made it. */
function childOf(pid: number): number {
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return Number(children[0]);
}

/** The mount points, besides `/`, on the way to these paths: an overlay over `/` does not show them. */
function mountPointsFor(paths: readonly string[]): string[] {
  const points = fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '/').replaceAll('\\040', ' '));
  const needed = points.filter(
    (point) => point !== '/' && paths.some((wanted) => wanted === point || wanted.startsWith(`${point}/`)),
  );
  return [...new Set(needed)].sort();
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  await once(child, 'exit');
}

// ---- records -------------------------------------------------------------------------------------------------

type TestbedRecord = { pid: number; startTime: string; directories: string[] };

function remember(id: string, directories: string[]): void {
  // A grader opens testbeds in a process of its own; who answers for them is the command that started it.
  const owner = Number(process.env[ownerVariable] ?? process.pid);
  const record: TestbedRecord = { pid: owner, startTime: startTimeOf(owner), directories };
  // Another testbed that closes at this moment removes the folder while it is empty.
  for (;;) {
    try {
      fs.mkdirSync(records, { recursive: true });
      return fs.writeFileSync(path.join(records, id), JSON.stringify(record));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function forget(id: string): void {
  fs.rmSync(path.join(records, id), { force: true });
  removed(records);
  removed(runDirectory);
}

function readRecord(file: string): TestbedRecord | null {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as TestbedRecord;
  } catch {
    return null;
  }
}

// ---- small things --------------------------------------------------------------------------------------------

function filesIn(directory: string, prefix = '/'): string[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const name = path.join(prefix, entry.name);
    if (!entry.isDirectory()) return [name];
    const inside = filesIn(path.join(directory, entry.name), name);
    return inside.length === 0 ? [`${name}/`] : inside;
  });
}

function list(directory: string, only?: 'directories'): string[] {
  try {
    const entries = fs.readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => only === undefined || entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function writeIfThere(file: string, value: number | string): void {
  if (fs.existsSync(file)) fs.writeFileSync(file, String(value));
}

function makeIfPossible(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true });
  } catch {
    // Read-only out here, too: where it is really missed, the testbed says so.
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function moveIfThere(pid: number, cgroup: string): void {
  try {
    fs.writeFileSync(path.join(cgroup, 'cgroup.procs'), String(pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The shell commands that move the shell into the cgroups: 0 means the writer itself. */
function joining(directories: readonly string[]): string {
  return directories.map((directory) => `echo 0 > ${quote(directory)}/cgroup.procs`).join('; ');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
