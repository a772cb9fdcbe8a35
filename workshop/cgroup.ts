// Where this machine has its cgroups. Given to students, so that a level is about what is done there.
import fs from 'node:fs';

/** Where a controller is used. */
export type Controller = {
  version: 1 | 2;
  /** The top of its hierarchy: `/sys/fs/cgroup` on v2, `/sys/fs/cgroup/cpu` on v1. */
  mountPoint: string;
};

/**
 * Finds a cgroup controller. See cgroups(7).
 *
 * @throws Error where this machine has no such controller
 */
export function findController(name: 'cpu' | 'memory'): Controller {
  for (const line of fs.readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, mountPoint = '', type, options = ''] = line.split(' ');
    if (type === 'cgroup' && options.split(',').includes(name)) return { version: 1, mountPoint };
    if (type !== 'cgroup2') continue;
    const available = fs.readFileSync(`${mountPoint}/cgroup.controllers`, 'utf8');
    if (available.split(/\s/).includes(name)) return { version: 2, mountPoint };
  }
  throw new Error(`this machine has no cgroup controller "${name}": "npm run doctor" says what to do`);
}
