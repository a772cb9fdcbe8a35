// What people believe who fail level 05.
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, inChild, lineWith, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

function makesNamespace({ call, args }: TraceLine): boolean {
  return (call === 'unshare' || call === 'clone') && args.some((argument) => argument.includes('CLONE_NEWUTS'));
}

/** The call that made a UTS namespace. */
function namespaceOf(run: Run): TraceLine | undefined {
  return run.trace.find((line) => makesNamespace(line) && line.errno === null);
}

/** The first of the naming calls that worked. */
function naming(run: Run, also: (line: TraceLine) => boolean = () => true): TraceLine | undefined {
  return findCall(run, 'sethostname', (line) => line.errno === null && also(line));
}

/** The file through which the kernel shows, and takes, the hostname. */
const hostnameFile = /kernel\/hostname|\bhostname['"`]/;

/** Two flags with the operator that chooses one of them. */
const flagsJoinedWithOr = /CLONE_\w+ *\|\|/;

/** Whether the container has its own file /etc/hostname, though not a hostname. */
function wroteFile(run: Run): boolean {
  return run.during!.containers.some(({ path }) => path.endsWith('/etc/hostname'));
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'hostname-too-long',
    checks: ['05.1', '05.2'],
    why: 'The kernel has room for 64 bytes, and answers EINVAL to a longer name. Docker has ids of 64 digits, and takes the first 12 of them for the hostname.',
    shows: (run) => findCall(run, 'sethostname', ({ errno }) => errno === 'EINVAL' || errno === 'ENAMETOOLONG'),
  },
  {
    slug: 'unshare-in-the-parent-after-fork',
    checks: ['05.1'],
    why: 'unshare gives the namespace to the process that calls it, and to children that it makes later. A child that exists already stays where it was.',
    shows: (run) => {
      const made = namespaceOf(run);
      const forked = findCall(run, ['fork', 'clone']);
      return made?.call === 'unshare' && !inChild(made) && forked !== undefined && forked.time < made.time
        ? made
        : false;
    },
  },
  {
    slug: 'host-renamed-for-a-while',
    checks: ['05.3'],
    why: 'The host gets its name back at the end, but until then all of it has the name of the container: a log line that is written now, a mail that is sent. And if box.ts is killed, nobody gives it back. In a namespace there is nothing to give back.',
    shows: (run) =>
      run.after.hostname === run.before.hostname && run.during?.host.hostname !== run.before.hostname
        ? (naming(run) ?? true)
        : false,
  },
  {
    slug: 'flags-joined-with-or',
    checks: ['05.1'],
    line: flagsJoinedWithOr,
    why: 'Flags are bits of one number, and | sets the bits of both. || chooses one of the two instead: the first, as that is not 0. The flag behind it never came to the kernel.',
    shows: (run) => namespaceOf(run) === undefined && lineWith(run, flagsJoinedWithOr) !== null,
  },
  {
    slug: 'no-uts-namespace',
    checks: ['05.1'],
    why: 'A mount namespace separates mounts and nothing else. For each kind of thing there is a namespace of its own, and a flag that asks for it. Without the one for the hostname, the container has that of the host, and sethostname renames the machine.',
    shows: (run, finding) =>
      /namespace of the host/.test(finding.actual) && namespaceOf(run) === undefined
        ? (findCall(run, ['unshare', 'clone']) ?? naming(run) ?? true)
        : false,
  },
  {
    slug: 'hostname-set-by-the-parent',
    checks: ['05.2', '05.3'],
    why: 'sethostname names the namespace of the process that calls it. The parent is on the host, so it renamed the host; the container, made before that, still has the copy of the old name.',
    shows: (run) => {
      const made = namespaceOf(run);
      const named = naming(run);
      // clone makes it for the child.
      const isChilds = made !== undefined && (made.call === 'clone' || inChild(made));
      return isChilds && named !== undefined && !inChild(named) && run.during?.hostname === run.before.hostname
        ? named
        : false;
    },
  },
  {
    slug: 'hostname-before-unshare',
    checks: ['05.3'],
    line: hostnameFile,
    why: 'When the name was set, the namespace was not there yet: the machine itself was renamed. The new namespace then took over a copy of that name, so that inside all looks well.',
    shows: (run) => {
      const made = namespaceOf(run);
      const named = naming(run);
      if (made === undefined) return false;
      return named === undefined || named.time < made.time ? (named ?? true) : naming(run, (line) => !inChild(line));
    },
  },
  {
    slug: 'hostname-only-in-a-file',
    checks: ['05.2'],
    line: hostnameFile,
    why: '/etc/hostname is a file like any other: an init system reads it once, at boot, and hands it to the kernel. The hostname is what the kernel knows, and only a system call changes that.',
    shows: (run, finding) => /still the host's/.test(finding.actual) && wroteFile(run),
  },
  {
    slug: 'no-hostname',
    checks: ['05.2'],
    why: 'A new UTS namespace begins with a copy of the name of the old one. It must be given a name of its own.',
    shows: (run, finding) => (/still the host's/.test(finding.actual) ? (namespaceOf(run) ?? true) : false),
  },
  {
    slug: 'hostname-is-the-image',
    checks: ['05.2'],
    why: 'The image is what containers have in common. A hostname must tell one container from the others of the same image.',
    shows: (run) => (run.during?.hostname === 'busybox' ? (naming(run) ?? true) : false),
  },
  {
    slug: 'same-hostname-for-all',
    checks: ['05.2'],
    why: 'This name is the same for every container. With the id as its name, each can be told from the others, and be found again in the folder of containers.',
    shows: (run, finding) => (/the same hostname/.test(finding.actual) ? (naming(run) ?? true) : false),
  },
  {
    slug: 'hostname-is-a-path',
    checks: ['05.2'],
    why: "The kernel takes any bytes for a hostname, also a whole path. The id is only the last part of the path of the container's directory.",
    shows: (run) => (run.during?.hostname.includes('/') === true ? (naming(run) ?? true) : false),
  },
  {
    slug: 'hostname-is-another-id',
    checks: ['05.2'],
    why: "The container has an id already: the name of its directory. A second one, which is kept nowhere, leads nobody from a hostname to the container's files.",
    shows: (run) => naming(run) ?? true,
  },
];
