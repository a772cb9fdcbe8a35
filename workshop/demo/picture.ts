// The machine at one moment, as the host sees it and as the container does: what the demo shows side by side. All of it
// is read from outside, through the machine's own /proc.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { findController } from '../cgroup.ts';
import { type Cgroup, cgroupsAbove, cgroupsFor, cgroupsOn, type ControllerName } from '../grading/cgroups.ts';
import { hostnameOf } from '../grading/hostname.ts';
import { type Interface, networkOf } from '../grading/network.ts';
import { isNode, type Mount, mountsOf, namespacesOf, type ProcessFacts, processFacts } from '../grading/processes.ts';
import type { Testbed } from '../grading/testbed.ts';
import type { Level } from '../levels.ts';
import { dataDirectory } from '../paths.ts';

const runFile = promisify(execFile);

/** One thing of the machine, from both sides. */
export type Fact = {
  /** Its name, in the order of the picture. */
  label: string;
  /** A namespace's number and a value are one line; a list has a line for each entry. */
  kind: 'namespace' | 'value' | 'list';
  host: string[];
  container: string[];
};

export type Picture = {
  /** Whose view the second column is: a name, and the numbers of its process. */
  container: { name: string; process: string };
  facts: Fact[];
};

/** Takes pictures. */
export type Observer = {
  /**
   * @param pid on this machine, of the process that is or becomes the container; null where it has ended
   * @param isChild whether box.ts has made it, and it is not box.ts itself
   */
  look(pid: number | null, isChild: boolean): Promise<Picture>;
};

/** The kinds of namespaces that the course is about, as /proc/PID/ns names them. */
const kinds = ['mnt', 'uts', 'pid', 'ipc', 'net', 'cgroup'] as const;

/** Below which level a part of the machine is not shown, for nothing of it changes. */
const cgroupsFrom = '07';
const memoryFrom = '08';
const userFrom = '09';
/** The level that shows the network; and nothing of what is above, for which there is no room then. */
const networkIn = 'network';

/** Watches a testbed, as it is now, on which a box.ts of that level will run. */
export function observe(testbed: Testbed, level: Level): Observer {
  const mountsBefore = mountsOf(testbed.initPid);

  async function look(pid: number | null, isChild: boolean): Promise<Picture> {
    const facts = pid === null ? null : processFacts(pid);
    const alive = facts !== null && facts.state !== 'Z' ? facts : null;
    const hostNamespaces = namespacesOf(testbed.initPid);
    const hostMounts = mountsOf(testbed.initPid);
    const processes = processesOf(testbed);
    const of = (read: (process: ProcessFacts) => string[]): string[] => (alive === null ? [] : read(alive));
    const ownHostname = alive === null ? '' : hostnameOf(alive.pid);
    const ownCgroups =
      alive === null || level.number < cgroupsFrom || level.number === networkIn
        ? {}
        : await cgroupsAsSeenBy(alive.pid);
    const picture: Fact[] = [
      { label: 'hostname', kind: 'value', host: [hostnameOf(testbed.initPid)], container: of(() => [ownHostname]) },
      ...kinds.map((kind): Fact => ({
        label: kind,
        kind: 'namespace',
        host: [numberOf(hostNamespaces[kind])],
        container: of(({ namespaces }) => [numberOf(namespaces[kind])]),
      })),
      { label: 'root', kind: 'value', host: ['/'], container: of((process) => [rootOf(process, hostMounts)]) },
      { label: 'cwd', kind: 'value', host: [''], container: of((process) => [cwdOf(process)]) },
      {
        label: 'mounts',
        kind: 'list',
        host: [
          `the ${mountsBefore.length} of the start`,
          ...named(hostMounts.filter((mount) => !mountsBefore.some((other) => isSame(mount, other)))),
        ],
        container: of((process) => mountList(process, mountsBefore, hostNamespaces['mnt'])),
      },
      {
        label: 'processes',
        kind: 'list',
        host: ['1 init', ...processes.map(({ name, pids }) => `${pids[1]} ${name}`)],
        container: of((process) => seenBy(process, processes, hostNamespaces['pid'])),
      },
    ];
    if (level.number === networkIn) {
      picture.push(networkFact(testbed.initPid, alive, hostNamespaces['net']));
    } else if (level.number >= cgroupsFrom) {
      const cgroups = cgroupsOn(testbed);
      picture.push(cgroupFact('cpu', cgroups, ownCgroups));
      if (level.number >= memoryFrom) picture.push(cgroupFact('memory', cgroups, ownCgroups));
    }
    if (level.number >= userFrom && level.number !== networkIn) {
      picture.push({
        label: 'user',
        kind: 'value',
        host: ['root: uid 0, gid 0'],
        container: of((one) => [userOf(one)]),
      });
    }
    return { container: headOf(alive, isChild, level), facts: picture };
  }

  return { look };
}

/** Whose view it is. */
function headOf(process: ProcessFacts | null, isChild: boolean, level: Level): Picture['container'] {
  const name = !isChild ? 'box.ts' : level.number === '00' ? 'the child' : 'the container';
  if (process === null) return { name, process: 'has ended' };
  const onHost = pidsOf(process.pid)[1];
  const inside = process.innerPid === onHost ? '' : `, inside it ${process.innerPid}`;
  return { name, process: `process ${onHost}${inside}` };
}

/** `mnt:[4026531841]` → `4026531841`. */
function numberOf(namespace: string | undefined): string {
  return /\d+/.exec(namespace ?? '')?.[0] ?? '';
}

/** Text in which the container's own directory stands as `…`: it is long, and there is one container. */
export function shorten(text: string): string {
  const containers = path.join(dataDirectory(), 'containers') + path.sep;
  const [before, ...rest] = text.split(containers);
  return [before, ...rest.map((part) => part.replace(/^[^/,"]+/, '…'))].join('');
}

function rootOf({ root, mounts }: ProcessFacts, hostMounts: readonly Mount[]): string {
  if (root !== '/') return `the directory ${shorten(root)}`;
  const own = rootMount(mounts);
  if (own === undefined || own.device === rootMount(hostMounts)?.device) return "the host's";
  return `a mount of its own (${kindOf(own)})`;
}

function rootMount(mounts: readonly Mount[]): Mount | undefined {
  return mounts.findLast(({ mountPoint }) => mountPoint === '/');
}

/** Its working directory, as it is called from its own root where it lies in there. */
function cwdOf({ root, cwd }: ProcessFacts): string {
  if (root === '/') return shorten(cwd);
  if (cwd === root) return '/';
  return cwd.startsWith(`${root}/`) ? cwd.slice(root.length) : `${shorten(cwd)}, outside its root`;
}

function userOf({ uids, gids, groups }: ProcessFacts): string {
  const others = groups.length === 0 ? 'no other groups' : `groups ${groups.join(' ')}`;
  return `uid ${uids[1]}, gid ${gids[1]}, ${others}`;
}

/** The host's mounts, as far as it sees them, and each mount that is not one of those. */
function mountList(process: ProcessFacts, before: readonly Mount[], hostNamespace: string | undefined): string[] {
  const { mounts, root, namespaces } = process;
  // The table shows what lies below the root, with names from there.
  if (root !== '/') return ['only those below its root', ...named(mounts)];
  const old = rootMount(before);
  if (!isSame(rootMount(mounts), old)) {
    const top = mounts.find((mount) => mount.device === old?.device && mount.root === old.root)?.mountPoint;
    if (top === undefined) return ["none of the host's", ...named(mounts)];
    const isBelow = ({ mountPoint }: Mount): boolean => mountPoint === top || mountPoint.startsWith(`${top}/`);
    const moved = mounts.filter(isBelow);
    return [`${moved.length} of the host's, below ${top}`, ...named(mounts.filter((mount) => !isBelow(mount)))];
  }
  const copied = mounts.filter((mount) => before.some((other) => isSame(mount, other)));
  const tied = copied.some(({ shared }) => shared) ? "still tied to the host's" : 'on its own';
  const head = namespaces['mnt'] === hostNamespace ? "the host's own table" : `a copy, ${tied}`;
  return [head, ...named(mounts.filter((mount) => !copied.includes(mount)))];
}

function named(mounts: readonly Mount[]): string[] {
  return mounts.map((mount) => `${shorten(mount.mountPoint)} ${kindOf(mount)}`);
}

/** Its filesystem's type; of a piece of a filesystem, as a bind mount shows it, that it is one. */
function kindOf({ type, root }: Mount): string {
  return root === '/' ? type : 'bound';
}

/** Whether a mount is another one or a copy of it. */
function isSame(mount: Mount | undefined, other: Mount | undefined): boolean {
  return mount?.device === other?.device && mount?.root === other?.root && mount?.mountPoint === other?.mountPoint;
}

type Seen = ProcessFacts & { name: string; pids: number[] };

function processesOf(testbed: Testbed): Seen[] {
  return testbed
    .pids()
    .map(processFacts)
    .filter((process) => process !== null)
    .map((process) => ({ ...process, name: nameOf(process), pids: pidsOf(process.pid) }))
    .filter(({ pids, name }) => pids.length > 1 && name !== '')
    .sort((one, other) => one.pids[1]! - other.pids[1]!);
}

function nameOf({ exe, argv, state }: ProcessFacts): string {
  if (state === 'Z') return '(ended, not waited for)';
  if (isNode(exe)) return 'box.ts';
  return path.basename(argv[0] ?? '');
}

/** The process's number in each PID namespace from ours down: the second is the testbed's. See proc_pid_status(5). */
function pidsOf(pid: number): number[] {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
  } catch {
    return [];
  }
}

/** The processes that have a number in this one's PID namespace. */
function seenBy(process: ProcessFacts, processes: readonly Seen[], hostNamespace: string | undefined): string[] {
  const own = process.namespaces['pid'];
  if (own === hostNamespace) return ['1 init', ...processes.map(({ name, pids }) => `${pids[1]} ${name}`)];
  const depth = pidsOf(process.pid).length;
  return processes
    .filter(({ namespaces, pids }) => namespaces['pid'] === own || pids.length > depth)
    .map(({ name, pids }) => `${pids[depth - 1]} ${name}`);
}

/** Its cgroups as it sees them itself: from the root of its cgroup namespace down. See cgroup_namespaces(7). */
async function cgroupsAsSeenBy(pid: number): Promise<Record<string, string>> {
  try {
    const { stdout } = await runFile('nsenter', ['--target', String(pid), '--cgroup', 'cat', `/proc/${pid}/cgroup`]);
    return Object.fromEntries([...stdout.matchAll(/^\d+:([^:]*):(.*)$/gm)].map(([, names, where]) => [names!, where!]));
  } catch {
    // It has ended in the meantime.
    return {};
  }
}

/** The group that was made for the container, with its values; and where the container believes to be. */
function cgroupFact(controller: ControllerName, all: readonly Cgroup[], seen: Record<string, string>): Fact {
  const { version } = findController(controller);
  const groups = cgroupsFor(controller, all);
  const above = new Set(groups.flatMap((cgroup) => cgroupsAbove(cgroup.path)));
  const own = groups.filter((cgroup) => !above.has(cgroup.path));
  const [, where] =
    Object.entries(seen).find(([names]) => (version === 2 ? names === '' : names.split(',').includes(controller))) ??
    [];
  return {
    label: `${controller} cgroup`,
    kind: 'list',
    host:
      own.length === 0
        ? ['none']
        : own.flatMap((cgroup) => [cgroup.path, membersOf(cgroup), ...valuesOf(cgroup, controller)]),
    container: where === undefined ? [] : [`I am in ${where}`],
  };
}

/** Interfaces with their addresses, and on the host what it does with packets of others. */
function networkFact(hostPid: number, process: ProcessFacts | null, hostNamespace: string | undefined): Fact {
  const host = networkOf(hostPid);
  const translated = [...(host?.rules ?? '').matchAll(/ip saddr (\S+) .*masquerade/g)].map(
    ([, from]) => `NAT for ${from}`,
  );
  const forwarding = host?.forwards === true ? 'hands packets on' : 'hands no packets on';
  const isOwn = process !== null && process.namespaces['net'] !== hostNamespace;
  const own = isOwn ? (networkOf(process.pid)?.interfaces ?? []).map(interfaceLine) : ["the host's own"];
  return {
    label: 'network',
    kind: 'list',
    host: host === null ? [] : [forwarding, ...host.interfaces.map(interfaceLine), ...translated],
    container: process === null ? [] : own,
  };
}

/** `eth0 10.0.0.2/24`, `lo, switched off` */
function interfaceLine({ name, up, master, addresses }: Interface): string {
  const plugged = master === null ? '' : `, plugged into ${master}`;
  return `${[name, ...addresses].join(' ')}${plugged}${up ? '' : ', switched off'}`;
}

function membersOf({ members }: Cgroup): string {
  return `${members.length} ${members.length === 1 ? 'process' : 'processes'}`;
}

function valuesOf({ version, files }: Cgroup, controller: ControllerName): string[] {
  const value = (name: string): string => files[name] ?? 'none';
  if (controller === 'cpu') {
    const name = version === 1 ? 'cpu.shares' : 'cpu.weight';
    return name in files ? [`${name} ${value(name)}`] : [];
  }
  const [limit, swap] = version === 1 ? ['limit_in_bytes', 'memsw.limit_in_bytes'] : ['max', 'swap.max'];
  if (files[`memory.${limit}`] === undefined) return [];
  const words = version === 1 ? ['limit', 'with swap'] : ['memory.max', 'swap.max'];
  return [`${words[0]} ${bytes(value(`memory.${limit}`))}`, `${words[1]} ${bytes(value(`memory.${swap}`))}`];
}

/** `67108864` → `64m`; what is as good as no limit → `unlimited`. */
function bytes(value: string): string {
  const number = Number(value);
  if (value === 'max' || number > 2 ** 60) return 'unlimited';
  return number % 1024 ** 2 === 0 ? `${number / 1024 ** 2}m` : value;
}
