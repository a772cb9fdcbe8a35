// What people believe who fail level 03.
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** The pivot_root that failed so. */
function refused(run: Run, ...codes: string[]): TraceLine | undefined {
  return findCall(run, 'pivot_root', ({ errno }) => errno !== null && codes.includes(errno));
}

/** A traced path without its quotes. */
function pathIn(argument: string | undefined): string {
  return (argument ?? '').replace(/^"|"$/g, '').replace(/(?<=.)\/$/, '');
}

function before(run: Run, line: TraceLine): TraceLine[] {
  return run.trace.slice(0, run.trace.indexOf(line));
}

/** Whether the call cuts the tie between a mount and its peers. */
function cutsTie({ call, args }: TraceLine): boolean {
  return call === 'mount' && /MS_(PRIVATE|SLAVE|UNBINDABLE)/.test(args[3] ?? '');
}

/** A pivot_root that failed although both paths were right, since a mount was shared. */
function refusedAsShared(run: Run): TraceLine | undefined {
  const pivot = refused(run, 'EINVAL');
  return pivot !== undefined && before(run, pivot).some((line) => makesMount(line, pathIn(pivot.args[0])))
    ? pivot
    : undefined;
}

/** Whether the call made a mount of this directory, bound to itself or otherwise. */
function makesMount({ call, args, errno }: TraceLine, directory: string): boolean {
  if (call !== 'mount' || errno !== null || /MS_(PRIVATE|SLAVE|SHARED|UNBINDABLE)/.test(args[3] ?? '')) return false;
  return pathIn(args[1]) === directory || (directory === '.' && args[3]?.includes('MS_BIND') === true);
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'chroot-before-pivot-root',
    checks: ['03.1', '03.2'],
    man: 'pivot_root(2)',
    why: "After chroot the process's / is the new root already, so pivot_root is asked to exchange a mount with itself. pivot_root takes the place of chroot: it wants to see both trees.",
    shows: (run) => {
      const pivot = refused(run, 'EBUSY', 'EINVAL', 'ENOENT');
      return pivot === undefined
        ? false
        : before(run, pivot).find(({ call, errno }) => call === 'chroot' && errno === null);
    },
  },
  {
    slug: 'put-old-is-the-root',
    checks: ['03.1'],
    man: 'pivot_root(2)',
    why: 'put_old is the directory that the old root is moved to, and not the old root itself. It must lie in the new root, for soon nothing else will be there.',
    shows: (run) => findCall(run, 'pivot_root', ({ args, errno }) => errno !== null && pathIn(args[1]) === '/'),
  },
  {
    slug: 'put-old-missing',
    checks: ['03.1'],
    man: 'pivot_root(2)',
    why: 'pivot_root makes no directory. The one that the old root is to be moved to must be there before the call.',
    shows: (run) => refused(run, 'ENOENT'),
  },
  {
    slug: 'put-old-outside',
    checks: ['03.1'],
    man: 'pivot_root(2)',
    why: 'The old root is to be found below the new one afterwards, so put_old has to lie in it. A directory beside it, or elsewhere on the host, would be out of the tree.',
    shows: (run) =>
      findCall(run, 'pivot_root', ({ args, errno }) => {
        const [root, putOld] = [pathIn(args[0]), pathIn(args[1])];
        return errno !== null && putOld.startsWith('/') && putOld !== root && !putOld.startsWith(`${root}/`);
      }),
  },
  {
    slug: 'private-elsewhere',
    checks: ['03.1'],
    man: 'mount_namespaces(7)',
    why: 'Not only the new root must be private, but also the mount that it lies on: pivot_root refuses if either is shared. Begin at `/`, and take along all below it.',
    shows: (run) =>
      refusedAsShared(run) !== undefined && !run.trace.some((line) => cutsTie(line) && line.args[1] === '"/"')
        ? run.trace.find(cutsTie)
        : false,
  },
  {
    slug: 'private-not-recursive',
    checks: ['03.1'],
    man: 'mount_namespaces(7)',
    why: 'pivot_root refuses a new root that is mounted on a shared mount: the exchange would be passed on to the host. MS_PRIVATE without MS_REC was for `/` alone. The mount that the containers lie on is still shared.',
    shows: (run) =>
      refusedAsShared(run) === undefined
        ? false
        : findCall(run, 'mount', (line) => cutsTie(line) && !line.args[3]!.includes('MS_REC')),
  },
  {
    slug: 'root-still-shared',
    checks: ['03.1'],
    man: 'mount_namespaces(7)',
    why: 'pivot_root refuses to exchange shared mounts, or the host would get the exchange, too. The mounts of the new namespace are shared copies until they are made private, all of them, as in level 02.',
    shows: (run) =>
      refusedAsShared(run) !== undefined && !run.trace.some(cutsTie)
        ? (findCall(run, ['unshare', 'clone'], ({ args }) => args.some((word) => word.includes('CLONE_NEWNS'))) ??
          refusedAsShared(run))
        : false,
  },
  {
    slug: 'new-root-is-no-mount-point',
    checks: ['03.1'],
    man: 'pivot_root(2)',
    why: 'pivot_root exchanges two mounts, and the new root is only a directory of the mount that it lies on. Bound to itself, it is a mount of its own. (The kernel says EINVAL, or EBUSY where the directory lies on the mount that is the root now.)',
    shows: (run) => refused(run, 'EINVAL', 'EBUSY'),
  },
  {
    slug: 'old-root-is-busy',
    checks: ['03.1'],
    man: 'umount2(2)',
    why: 'Your program was started from the old root and still uses files there, and other mounts lie below it. A plain umount refuses as long as anything is in use. MNT_DETACH takes the tree out now and lets it go when nobody uses it any more.',
    shows: (run) => findCall(run, ['umount', 'umount2'], ({ errno }) => errno === 'EBUSY'),
  },
  {
    slug: 'path-of-before',
    checks: ['03.1'],
    man: 'pivot_root(2)',
    why: 'The path begins with what the directory was called on the host. After pivot_root, / is the new root, and everything in it has a shorter name.',
    shows: (run) => findCall(run, ['umount', 'umount2'], ({ errno }) => errno === 'ENOENT' || errno === 'EINVAL'),
  },
  {
    slug: 'directory-is-busy',
    checks: ['03.1'],
    man: 'umount2(2)',
    why: 'Something is still mounted on that directory: the whole host. It can be removed only after the old root is detached. Never delete it recursively: those are the files of the host.',
    shows: (run) => /EBUSY[^\n]*\b(rmdir|rm)\b/.test(run.stderr),
  },
  {
    slug: 'no-bind-mount',
    checks: ['03.1'],
    why: 'The image is unpacked into a directory, and chroot is content with one. For the kernel it is still a part of the mount that it lies on, with all of the host around it.',
    shows: (run) =>
      run.during !== null &&
      findCall(run, 'mount', ({ args }) => args[3]?.includes('MS_BIND') === true || args[2] === '"overlay"') ===
        undefined
        ? findCall(run, 'chroot')
        : false,
  },
  {
    slug: 'pivot-root-on-the-host',
    checks: ['03.1', '03.2'],
    why: "The process that called pivot_root was still in the host's mount namespace: you have exchanged the root of the host, for every program on it. The namespace comes first.",
    shows: (run) =>
      run.during?.commands[0]?.namespaces['mnt'] === run.before.namespaces['mnt']!
        ? findCall(run, 'pivot_root')
        : false,
  },
  {
    slug: 'chroot-in-place-of-pivot-root',
    checks: ['03.2'],
    why: "chroot changes where one process starts to look. The mount namespace keeps the root that it had, with the host's tree above the container, and a process that is root finds a way up.",
    shows: (run, finding) => (/nothing above it/.test(finding.expected) ? findCall(run, 'chroot') : false),
  },
  {
    slug: 'parent-moved-too',
    checks: ['03.2'],
    why: 'pivot_root moves every process of the mount namespace that had the old root, and box.ts is in the same namespace: it left the host before it made the child, or did the work itself. It waits in the container now and cannot tidy up on the host. Only the child may leave.',
    shows: (run, finding) =>
      /box\.ts, which waits outside/.test(finding.expected)
        ? (findCall(run, ['unshare', 'pivot_root'], ({ process }) => process === '0') ?? true)
        : false,
  },
  {
    slug: 'no-chdir-after-pivot-root',
    checks: ['03.3'],
    why: 'The root is another one, but the process still stands where it stood: in a directory of the host, which is in no tree any more. From there `..` leads through the whole host.',
    shows: (run, finding) => (/working directory/.test(finding.expected) ? findCall(run, 'pivot_root') : false),
  },
  {
    slug: 'moved-over-the-old-root',
    checks: ['03.4'],
    why: "MS_MOVE lays the new root over the old one and takes nothing away: the host's tree is still in the namespace, below the container's /. A process that may unmount finds it again.",
    shows: (run) => findCall(run, 'mount', ({ args }) => args[3]?.includes('MS_MOVE') === true),
  },
  {
    slug: 'old-root-kept',
    checks: ['03.4'],
    why: 'pivot_root only exchanges places: what was above the container is below it now, with every file of the host and every mount. It has to be detached.',
    shows: (run) =>
      findCall(run, ['umount2', 'umount'], ({ errno }) => errno === null) === undefined
        ? findCall(run, 'pivot_root')
        : false,
  },
  {
    slug: 'old-root-directory-kept',
    checks: ['03.5'],
    why: 'The old root is gone, and the directory that it was mounted on is still there, empty. You made it, so you remove it.',
    shows: (run) => findCall(run, ['umount2', 'umount'], ({ errno }) => errno === null),
  },
];
