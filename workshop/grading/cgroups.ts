// The cgroups that a program made on a testbed's host, and what their files say, read from outside. See cgroups(7).
import fs from 'node:fs';
import path from 'node:path';
import { findController } from '../cgroup.ts';
import { namesIn } from './files.ts';
import type { Mount, ProcessFacts } from './processes.ts';
import type { Run } from './run.ts';
import type { Testbed } from './testbed.ts';

/** A cgroup at one moment. */
export type Cgroup = {
  version: 1 | 2;
  /** v1: the controllers of its hierarchy. v2: those that the cgroup above hands down to it. */
  controllers: string[];
  /** As the testbed's host calls it: `/boxwright/box-x`. */
  path: string;
  /** The pids, on the machine, of its own processes: without those of cgroups below it. */
  members: number[];
  /** What its files say, by name, without the newline at the end: `cpu.weight` → `100`. */
  files: Record<string, string>;
};

/** A controller that the course uses. */
export type ControllerName = Parameters<typeof findController>[0];

/** The files that say something about what the course sets or measures; each exists in one version only, or in both. */
const lookedAt = [
  'cgroup.controllers',
  'cgroup.subtree_control',
  'cpu.shares',
  'cpu.weight',
  'cpu.cfs_quota_us',
  'cpu.max',
  'memory.limit_in_bytes',
  'memory.soft_limit_in_bytes',
  'memory.max',
  'memory.high',
  'memory.memsw.limit_in_bytes',
  'memory.swap.max',
  'memory.oom_control',
  'memory.events',
];

/** All cgroups of the host in all hierarchies, without its root and without the one that programs are started in. */
export function cgroupsOn(testbed: Testbed): Cgroup[] {
  return testbed.cgroupRoots.flatMap(({ version, controllers, directory, names }) =>
    names().flatMap((name) => {
      const there = path.join(directory, name);
      const members = readWhole(there, 'cgroup.procs');
      // Removed in the meantime.
      if (members === null) return [];
      const files = Object.fromEntries(
        lookedAt.flatMap((file) => {
          const text = readWhole(there, file);
          return text === null ? [] : [[file, text.trimEnd()]];
        }),
      );
      return {
        version,
        controllers: version === 1 ? controllers : (files['cgroup.controllers'] ?? '').split(' ').filter(Boolean),
        path: `/${name}`,
        members: members.split('\n').filter(Boolean).map(Number),
        files,
      };
    }),
  );
}

/**
 * Those in the hierarchy where this machine has the controller: v1's of that name, or the one of v2, there also where
 * nobody handed the controller down to them.
 */
export function cgroupsFor(controller: ControllerName, cgroups: readonly Cgroup[]): Cgroup[] {
  const version = versionOf(controller);
  return cgroups.filter(
    (cgroup) => cgroup.version === version && (version === 2 || cgroup.controllers.includes(controller)),
  );
}

/** The version in which this machine has the controller; null where it has none. */
export function versionOf(controller: ControllerName): 1 | 2 | null {
  try {
    return findController(controller).version;
  } catch {
    return null;
  }
}

/** The cgroup of a process in the hierarchy of a controller; undefined where it is in none that a program made. */
export function cgroupOf(pid: number, controller: ControllerName, cgroups: readonly Cgroup[]): Cgroup | undefined {
  return cgroupsFor(controller, cgroups).find(({ members }) => members.includes(pid));
}

/**
 * The cgroup that a run made for its container in the hierarchy of a controller: one that has no other below it. Where
 * it made several, the one that its command is in; where it made none, the one that its command is in all the same.
 */
export function ownCgroup({ before, during }: Run, controller: ControllerName): Cgroup | undefined {
  if (during === null) return undefined;
  const all = cgroupsFor(controller, during.host.cgroups);
  const known = new Set(before.cgroups.map((cgroup) => cgroup.path));
  const above = new Set(all.flatMap((cgroup) => cgroupsAbove(cgroup.path)));
  const made = all.filter((cgroup) => !known.has(cgroup.path) && !above.has(cgroup.path));
  const command = during.commands[0];
  const joined = command === undefined ? '/' : cgroupPathOf(command, controller);
  const isJoined = (cgroup: Cgroup): boolean => cgroup.path === joined;
  return made.find(isJoined) ?? made[0] ?? all.find(isJoined);
}

/** Where a process is in the hierarchy of a controller, as the testbed's host calls it; `/` is the root. */
export function cgroupPathOf(process: ProcessFacts, controller: ControllerName): string {
  const version = versionOf(controller);
  const ofController = (names: string): boolean =>
    version === 2 ? names === '' : names.split(',').includes(controller);
  const found = Object.entries(process.cgroups).find(([names]) => ofController(names));
  return found === undefined ? '/' : pathOnHost(found[1]);
}

/** Where a process is in each hierarchy, likewise. */
export function cgroupPathsOf(process: ProcessFacts): string[] {
  return [...new Set(Object.values(process.cgroups).map(pathOnHost))];
}

/** The cgroups above one, the root left out: `/a/b` and `/a` for `/a/b/c`. */
export function cgroupsAbove(cgroup: string): string[] {
  const above = path.dirname(cgroup);
  return above === '/' ? [] : [above, ...cgroupsAbove(above)];
}

/**
 * Directories that look like cgroups and are none. With v1, /sys/fs/cgroup is a tmpfs with a folder for each hierarchy,
 * and in a tmpfs anybody can make anything.
 */
export function directoriesBesideHierarchies(testbed: Testbed, mounts: readonly Mount[]): string[] {
  const top = '/sys/fs/cgroup';
  if (mounts.findLast(({ mountPoint }) => mountPoint === top)?.type === 'cgroup2') return [];
  const mountPoints = new Set(mounts.map(({ mountPoint }) => mountPoint));
  return namesIn(`/proc/${testbed.initPid}/root${top}`)
    .map((name) => `${top}/${name}`)
    .filter((directory) => !mountPoints.has(directory));
}

/** /proc/PID/cgroup names a cgroup from the machine's root. */
export function pathOnHost(machinePath: string): string {
  return machinePath.replace(/^.*\/boxwright-testbeds\/[^/]+/, '') || '/';
}

/** The text of a file; null where it is not there, or does not let itself be read. */
function readWhole(directory: string, file: string): string | null {
  try {
    return fs.readFileSync(path.join(directory, file), 'utf8');
  } catch {
    return null;
  }
}
