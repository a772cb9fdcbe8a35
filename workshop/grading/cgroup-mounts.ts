// Where this machine mounts its cgroup hierarchies, and which cgroups of them a process is in. See cgroups(7).
import fs from 'node:fs';
import { findController } from '../cgroup.ts';
import { cgroupsOf } from './processes.ts';

/** A mounted cgroup hierarchy. */
export type Hierarchy = {
  version: 1 | 2;
  /** Where it is mounted: `/sys/fs/cgroup/cpu`. */
  mountPoint: string;
  /** v1: the controllers, or `name=…`; empty for v2. */
  controllers: string[];
  /** This process's cgroup in it, as a directory below the mount point. */
  ownDirectory: string;
};

/** The hierarchies that a process of this machine sees, in the order of the mount table. */
export function cgroupHierarchies(): Hierarchy[] {
  const own = cgroupsOf('self');
  const found: Hierarchy[] = [];
  for (const line of fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before, after] = line.split(' - ');
    if (before === undefined || after === undefined) continue;
    const [type, , options = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const [, , , root = '/', mountPoint = ''] = before.split(' ');
    const controllers = type === 'cgroup2' ? [] : options.split(',').filter((option) => !isMountOption(option));
    const path = own[controllers.join(',')] ?? '/';
    // The mount shows the hierarchy from `root` down.
    const below = root !== '/' && path.startsWith(root) ? path.slice(root.length) : path;
    found.push({
      version: type === 'cgroup2' ? 2 : 1,
      mountPoint,
      controllers,
      ownDirectory: `${mountPoint}${below}`.replace(/\/+$/, ''),
    });
  }
  return found;
}

/** The cgroup version that the course's controllers (cpu, memory) are on here. */
export function cgroupVersion(): 'v2' | 'v1' | 'none' {
  try {
    return findController('memory').version === 2 ? 'v2' : 'v1';
  } catch {
    return 'none';
  }
}

function isMountOption(option: string): boolean {
  return ['rw', 'ro', 'xattr', 'clone_children', 'noprefix'].includes(option) || option.startsWith('release_agent=');
}
