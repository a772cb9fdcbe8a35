// What a command finds in its container, read from outside through /proc/PID/root. Nothing in there is executed, and
// no link in there is followed.
import fs from 'node:fs';
import { type FoundFile, foundFile, namesIn } from './files.ts';
import { fileId, type Mount, type ProcessFacts } from './processes.ts';

/** The surroundings of one process. */
export type Inside = {
  /** The names in its `/`, and that directory's permission bits. */
  rootEntries: string[];
  rootMode: number;
  /** Whether its working directory is in its root, and `..` ends there. */
  cwdIsInside: boolean;
  /** `bin/sh`, which is a link in our images. */
  shell: FoundFile | null;
  /** The files in its /dev, by name, and that directory's permission bits. */
  dev: Record<string, FoundFile>;
  devMode: number;
  /** `ptmx` in its /dev/pts, which makes new terminals there. */
  ptsPtmx: FoundFile | null;
  /** The filesystem on /dev/pts, by number: each instance of devpts has its own. */
  devptsDevice: string;
  /**
   * The processes that each proc filesystem shows which it can see, by mount point. Their numbers are that one's. Not a
   * directory of one that is mounted by itself: /proc/irq has numbers, too.
   */
  processes: Record<string, number[]>;
  /** The loopback interface in its /sys, as `device:inode`: each network has one of its own. */
  loopbackId: string;
};

/** Where sysfs shows the loopback interface of the network namespace in which it was mounted. */
export const loopback = '/sys/class/net/lo';

/** What there is around a process; null where it has ended. */
export function lookInside({ pid, root, cwd, cwdId, mounts }: ProcessFacts): Inside | null {
  const top = `/proc/${pid}/root`;
  try {
    const below = root === '/' ? cwd : cwd.slice(root.length);
    const named = root === '/' || cwd === root || cwd.startsWith(`${root}/`);
    return {
      rootEntries: namesIn(top + '/'),
      rootMode: fs.statSync(top).mode & 0o7777,
      // The same name from the root must lead to the same directory: a directory of the host's may be called alike.
      cwdIsInside: named && cwdId !== '' && fileId(`${top}${below}`) === cwdId,
      shell: foundFile(top, 'bin/sh'),
      dev: Object.fromEntries(namesIn(`${top}/dev`).map((name) => [name, foundFile(`${top}/dev`, name)!])),
      devMode: fs.statSync(`${top}/dev`, { throwIfNoEntry: false })?.mode ?? 0,
      ptsPtmx: foundFile(`${top}/dev/pts`, 'ptmx'),
      devptsDevice: fileId(`${top}/dev/pts`).split(':')[0]!,
      processes: Object.fromEntries(
        mounts
          .filter(({ type, root: shownPart }) => type === 'proc' && shownPart === '/')
          .map(({ mountPoint }) => [mountPoint, processNumbers(`${top}${mountPoint}`)]),
      ),
      loopbackId: fileId(`${top}${loopback}`),
    };
  } catch {
    return null;
  }
}

/** The processes that a proc filesystem shows. */
function processNumbers(proc: string): number[] {
  return namesIn(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((one, other) => one - other);
}

/** The value of an option of a mount's filesystem: `optionOf(mount, 'upperdir')`; null where it has none. */
export function optionOf(mount: Mount, name: string): string | null {
  const found = mount.superOptions.find((option) => option.startsWith(`${name}=`));
  return found === undefined ? null : found.slice(name.length + 1);
}
