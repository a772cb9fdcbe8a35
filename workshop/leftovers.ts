// What containers of ours have left on this machine: processes, mounts, cgroups, directories and a network.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cgroupHierarchies } from './grading/cgroup-mounts.ts';
import { cgroupsOf, mountsOf } from './grading/processes.ts';
import { dataDirectory } from './paths.ts';

/** The parent of the containers' cgroups, as the levels name it. */
const PARENT = 'boxwright';

/** What there is to remove, in the order in which it must be. */
export type Leftovers = {
  /** Processes in cgroups of containers, or with their root or working directory in a container. */
  processes: { pid: number; command: string }[];
  /** Mount points below the folder of containers, the deepest first. */
  mounts: string[];
  /** cgroups of containers, the deepest first, and at last their parent. */
  cgroups: string[];
  /** Directories of containers. */
  directories: string[];
  network: LeftNetwork | null;
};

/** What bonus-network makes on the host: a bridge, with the host's ends of pairs in it, and a table of rules. */
export type LeftNetwork = {
  /** Interfaces, the bridge at last. */
  interfaces: string[];
  /** Whether there are its rules. */
  rules: boolean;
  /** Whether the host did not hand packets on before it. */
  forwardingWasOff: boolean;
};

/** The names of the bridge and of the table, as bonus-network has them. */
export const NETWORK = 'boxwright';
/** What bonus-network writes down as the alias of its bridge. */
const FORWARDING_WAS_OFF = 'forwarding-was-off';

/** Looks for what is left. Containers that still run count, too. */
export function findLeftovers(): Leftovers {
  const containers = path.join(dataDirectory(), 'containers');
  const cgroups = cgroupHierarchies()
    .map(({ mountPoint }) => path.join(mountPoint, PARENT))
    .filter((directory) => fs.existsSync(directory))
    .flatMap((directory) => [...below(directory).toReversed(), directory]);
  const members = cgroups.flatMap((directory) => read(path.join(directory, 'cgroup.procs')).split('\n'));
  const inContainers = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && standsIn(pid, containers));
  const pids = new Set([...members, ...inContainers].filter((pid) => pid !== '' && pid !== '0').map(Number));
  return {
    processes: [...pids]
      .filter((pid) => pid !== process.pid)
      .map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() })),
    mounts: mountsOf(process.pid)
      .map(({ mountPoint }) => mountPoint)
      .filter((mountPoint) => mountPoint.startsWith(`${containers}/`))
      .sort((one, other) => other.length - one.length),
    cgroups,
    directories: names(containers).map((name) => path.join(containers, name)),
    network: findNetwork(),
  };
}

function findNetwork(): LeftNetwork | null {
  const bridge = `/sys/class/net/${NETWORK}`;
  const isBridge = fs.existsSync(`${bridge}/bridge`);
  const ports = isBridge ? names(`${bridge}/brif`) : [];
  const rules = spawnSync('nft', ['list', 'table', 'ip', NETWORK], { stdio: 'ignore' }).status === 0;
  if (!isBridge && !rules) return null;
  const forwardingWasOff = isBridge && read(`${bridge}/ifalias`).trim() === FORWARDING_WAS_OFF;
  return { interfaces: [...ports, ...(isBridge ? [NETWORK] : [])], rules, forwardingWasOff };
}

/** Whether a process has its root or its working directory below the folder; those of a testbed are not on this host. */
function standsIn(pid: string, folder: string): boolean {
  if (Object.values(cgroupsOf(Number(pid))).some((cgroup) => cgroup.includes('/boxwright-testbeds/'))) return false;
  return ['root', 'cwd'].some((link) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/${link}`).startsWith(`${folder}/`);
    } catch {
      return false;
    }
  });
}

function below(directory: string): string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [path.join(directory, name), ...below(path.join(directory, name))]);
}

function names(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
