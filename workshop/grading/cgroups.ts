// The cgroups that a program made on a testbed's host, and what their files say, read from outside. See cgroups(7).
import fs from 'node:fs';
import path from 'node:path';
import { findController } from '../cgroup.ts';
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
  'memory.limit_in_bytes',
  'memory.max',
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
  const { version } = findController(controller);
  return cgroups.filter(
    (cgroup) => cgroup.version === version && (version === 2 || cgroup.controllers.includes(controller)),
  );
}

/** The cgroup of a process in the hierarchy of a controller; undefined where it is in none that a program made. */
export function cgroupOf(pid: number, controller: ControllerName, cgroups: readonly Cgroup[]): Cgroup | undefined {
  return cgroupsFor(controller, cgroups).find(({ members }) => members.includes(pid));
}

/** The text of a file; null where it is not there, or does not let itself be read. */
function readWhole(directory: string, file: string): string | null {
  try {
    return fs.readFileSync(path.join(directory, file), 'utf8');
  } catch {
    return null;
  }
}
