// What must be true of level 03.
import path from 'node:path';
import * as tar from 'tar';
import { grade } from '#grading';
import { findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/03-pivot-root';
import type { Mount } from '#grading/processes';
import { companion, said, secret, secretFile, tour } from '#grading/tour';
import { dataDirectory } from '../../workshop/paths.ts';

const { scenario, check } = grade('03-pivot-root', misconceptions);

const held = scenario(tour);
const second = scenario(companion);

const showMount = ({ device, root, mountPoint, type }: Mount): string => `${type} ${device} ${root} on ${mountPoint}`;

check('03.1', 'its / is a mount of its own', {
  of: held,
  why: 'pivot_root exchanges mounts. A directory that lies somewhere within a mount cannot take part, until it is made one.',
  man: 'mount(2)',
  reproduce: 'cat /proc/mounts',
  holds(run) {
    const expected = "a line for / in the command's mount table, of another mount than the host's /";
    const command = run.during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    const root = command.mounts.findLast(({ mountPoint }) => mountPoint === '/');
    if (root !== undefined && command.rootId !== run.before.rootId) return undefined;
    return {
      expected,
      actual: root === undefined ? 'there is no such line: / is a directory of some mount' : "its / is the host's",
      evidence: [
        `/proc/${command.innerPid}/root -> ${command.root}`,
        ...command.mounts.slice(0, 2).map((mount) => `the command's mount table: ${showMount(mount)}`),
      ],
      at: findCall(run, ['chroot', 'pivot_root', 'mount']),
    };
  },
});

check('03.2', "it is the root of the container's mount namespace, and box.ts keeps the host's", {
  of: held,
  needs: ['03.1'],
  why: 'chroot moves only where one process starts to look. pivot_root moves the root of the whole mount namespace, and with it every process that was in the old one, so that nothing is above the new root any more.',
  man: 'pivot_root(2)',
  holds(run) {
    const command = run.during!.commands[0]!;
    const runtime = run.during!.runtime;
    if (command.root !== '/') {
      return {
        expected: "that the command's / has nothing above it in its mount namespace",
        actual: `it lies at ${command.root}`,
        evidence: [
          `/proc/${command.innerPid}/root -> ${command.root}`,
          ...showCalls(run.trace.filter(({ call }) => call === 'chroot' || call === 'pivot_root')),
        ],
        at: findCall(run, 'chroot'),
      };
    }
    if (runtime === null || runtime.rootId === run.before.rootId) return undefined;
    return {
      expected: "that box.ts, which waits outside, still has the host's /",
      actual: "its / is the container's, too",
      evidence: [
        `/proc/${runtime.innerPid}/ns/mnt -> ${runtime.namespaces['mnt']} (box.ts)`,
        `/proc/${command.innerPid}/ns/mnt -> ${command.namespaces['mnt']} (the command)`,
        `the host: ${run.before.namespaces['mnt']!}`,
      ],
      at: findCall(run, 'pivot_root'),
    };
  },
});

check('03.3', "its working directory is inside, and level 01's breakout fails", {
  of: held,
  needs: ['03.2'],
  why: 'pivot_root takes along only a process that stood in the old root directory itself. Whoever stood elsewhere still stands on the host, and `..` leads on from there.',
  man: 'pivot_root(2)',
  reproduce: "sh -c 'pwd; ls ..'",
  holds(run) {
    const command = run.during!.commands[0]!;
    if (!run.during!.inside!.cwdIsInside) {
      const climbed = said(run, 'secret above')?.includes(secret) === true;
      return {
        expected: 'a working directory at or below the new root',
        actual: `it is ${command.cwd}, and not the one of that name inside`,
        evidence: [
          `/proc/${command.innerPid}/cwd -> ${command.cwd}`,
          ...(climbed ? [`the command read the host's ${secretFile} through ..`] : []),
        ],
        at: findCall(run, 'pivot_root'),
      };
    }
    const broke = said(second.run!, 'breakout')?.includes(secret) === true;
    if (!broke) return undefined;
    return {
      expected: "that climbing from a second root ends at the container's",
      actual: `a command that ran the breakout of level 01 read the host's ${secretFile}`,
    };
  },
});

/** Types of which the kernel has one for everybody: to see it in two tables does not mean that one is the other's. */
const oneForAll = /^(proc|sysfs|cgroup2?|mqueue|securityfs|debugfs|tracefs|bpf|configfs|pstore|efivarfs|fusectl)$/;

check('03.4', "the old root is detached: nothing of the host is in the container's mounts", {
  of: held,
  needs: ['03.2'],
  why: 'After pivot_root the whole tree of the host is still there, at the place that put_old names. It belongs to the container as long as nobody detaches it.',
  man: 'umount2(2)',
  reproduce: 'cat /proc/mounts',
  holds(run) {
    const { mounts } = run.during!.commands[0]!;
    const key = ({ device, root }: Mount): string => `${device} ${root}`;
    const hosts = new Set(run.before.mounts.filter(({ type }) => !oneForAll.test(type)).map(key));
    const found = mounts.filter((mount) => hosts.has(key(mount)));
    if (found.length > 0) {
      return {
        expected: "a mount table with the container's own mounts",
        actual: `${found.length} of its ${mounts.length} mounts are the host's`,
        evidence: [
          ...found.slice(0, 4).map((mount) => `the command's mount table: ${showMount(mount)}`),
          ...(found.length > 4 ? [`${found.length - 4} more`] : []),
        ],
        at: findCall(run, 'pivot_root'),
      };
    }
    if (said(second.run!, 'beneath')?.includes(secret) !== true) return undefined;
    return {
      expected: "that nothing lies below the container's root",
      actual: "a command that unmounted its / in a copy of the namespace found the host's / below it",
      evidence: [
        `it read the host's ${secretFile}`,
        ...showCalls(run.trace.filter(({ call, args }) => call === 'chroot' || args[3]?.includes('MS_MOVE'))),
      ],
      at: findCall(run, 'mount', ({ args }) => args[3]?.includes('MS_MOVE') === true) ?? findCall(run, 'chroot'),
    };
  },
});

check('03.5', 'no directory is left over from it', {
  of: held,
  needs: ['03.4'],
  why: 'The directory that held the old root was made for two calls. What is left of it is an odd thing in every container, which is not in the image.',
  man: 'rmdir(2)',
  reproduce: 'ls -a /',
  holds(run) {
    const listed = said(run, 'directories')?.split(' ') ?? [];
    if (!listed.includes('/')) {
      return {
        expected: 'that the command can list its directories',
        actual: `it printed ${listed.join(' ') || 'nothing'}`,
      };
    }
    const known = new Set([
      ...imageDirectories(),
      ...run.during!.commands[0]!.mounts.map(({ mountPoint }) => mountPoint),
    ]);
    const left = listed.filter((directory) => directory.startsWith('/') && !known.has(directory));
    if (left.length === 0) return undefined;
    return {
      expected: 'the directories of the image, and no others',
      actual: `${left.slice(0, 3).join(', ')} ${left.length === 1 ? 'is' : 'are'} not in it`,
      evidence: showCalls(run.trace.filter(({ call }) => call === 'pivot_root' || call.startsWith('umount'))),
      at: findCall(run, ['umount2', 'umount']) ?? findCall(run, 'pivot_root'),
    };
  },
});

/** The directories of the image, as absolute paths. */
function imageDirectories(): string[] {
  const found = ['/'];
  tar.list({
    file: path.join(dataDirectory(), 'images', 'busybox.tar'),
    sync: true,
    onReadEntry: (entry) => {
      if (entry.type === 'Directory') found.push(path.posix.resolve('/', entry.path));
    },
  });
  return found;
}
