// What people believe who fail level 01.
import { findCall, type Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'not-root',
    checks: ['01.1', '01.3', '01.4'],
    why: 'chroot and mount are for root only. The program runs as root here, so it gave that up before these calls.',
    shows: (run) => findCall(run, ['chroot', 'mount'], ({ errno }) => errno === 'EPERM' || errno === 'EACCES'),
  },
  {
    slug: 'folder-taken-for-granted',
    checks: ['01.1'],
    man: 'mkdir(2)',
    line: /\bmkdtemp(Sync)?\(|\bmkdir(Sync)?\(/,
    why: 'On a new machine the folder of containers is not there yet, nor is one that somebody names with --container-dir. mkdtemp makes one directory, not those above it: they have to be made first, in a way that accepts those that are there already.',
    shows: (_run, finding) => finding.expected.includes('not there yet'),
  },
  {
    slug: 'links-lost-their-slash',
    checks: ['01.2', '01.4'],
    line: /\bextract\(|['"`]tar['"`],/,
    why: 'The package tar takes the first slash from link targets unless it is told not to. The link /bin/sh then points to bin/busybox beside itself, which does not exist, and exec says ENOENT although you can see the link.',
    shows: (run) => run.containers.some(({ path, target }) => path.endsWith('bin/sh') && target === 'bin/busybox'),
  },
  {
    slug: 'modes-lost-to-the-umask',
    checks: ['01.2'],
    man: 'umask(2)',
    line: /\bextract\(|['"`]tar['"`],/,
    why: 'A new file gets the mode that was asked for, less the bits of the umask, which usually takes the right to write from everybody but the owner. Whoever unpacks an image must set the modes again afterwards, or only root can write to /tmp.',
    shows: (_run, finding) => /\/tmp with the mode/.test(finding.expected),
  },
  {
    slug: 'device-nodes-unpacked',
    checks: ['01.2'],
    man: 'mknod(2)',
    line: /\bextract\(|['"`]tar['"`],/,
    why: 'The program tar, run as root, makes the device nodes of the archive, too. A node is a door to a device of the host, and who made the archive chose which one. Leave them out: the runtime makes the few that a container needs.',
    shows: (run) => run.containers.some(({ type }) => type.endsWith('device')),
  },
  {
    slug: 'no-proc',
    checks: ['01.3'],
    line: /\bmount\(/,
    why: 'An unpacked image has a directory /proc, and it is empty. Only a mounted proc has something in it; without it ps, top and many others fail.',
    shows: (run) => run.during !== null && findCall(run, 'mount', ({ args }) => args[2] === '"proc"') === undefined,
  },
  {
    slug: 'mounted-on-the-host',
    checks: ['01.3'],
    why: 'The target of a mount is a path like any other: before the chroot, /proc is the /proc of the host. Mount below the new root, or after the chroot.',
    shows: (run) =>
      findCall(run, 'mount', ({ args, errno }) => errno === null && /^"\/(proc|sys|dev)\/?"$/.test(args[1] ?? '')),
  },
  {
    slug: 'hidden-by-the-bind-mount',
    checks: ['01.3'],
    why: 'A bind mount shows a directory without what is mounted below it, unless MS_REC says otherwise. What you had mounted there before is still there, but underneath, where nobody sees it. Bind first, then mount the others.',
    shows: (run) => {
      const bind = run.trace.findIndex(
        ({ call, args, errno }) => call === 'mount' && errno === null && args[0] === args[1] && args[3] === 'MS_BIND',
      );
      const below = run.trace[bind]?.args[1]?.replace(/"$/, '/');
      return run.trace
        .slice(0, Math.max(bind, 0))
        .some(({ call, args }) => call === 'mount' && args[1]?.startsWith(below!))
        ? run.trace[bind]
        : false;
    },
  },
  {
    slug: 'chroot-in-the-parent',
    checks: ['01.4', '01.5', '01.3'],
    why: 'chroot changes the process that calls it. In the parent it takes box.ts itself into the container; it belongs in the child.',
    shows: (run) => findCall(run, 'chroot', ({ process }) => process === '0'),
  },
  {
    slug: 'no-chroot',
    checks: ['01.4'],
    why: 'Unpacking files somewhere changes nothing for the command: its / is still the / of the host, until chroot moves it.',
    shows: (run) => run.during !== null && findCall(run, 'chroot') === undefined,
  },
  {
    slug: 'no-chdir-after-chroot',
    checks: ['01.5'],
    why: 'chroot moves the root and nothing else. The working directory stays where it was, on the host, and from there `..` leads anywhere: the new root is no wall for somebody who already stands outside.',
    shows: (_run, finding) => /working directory at or below/.test(finding.expected),
  },
  {
    slug: 'directory-before-archive',
    checks: ['01.6'],
    why: 'The directory was made before anybody looked whether there is an image to fill it. It stays behind, empty; and code that takes an existing directory for a finished one finds an empty root for ever.',
    shows: (run) => run.containers.length > 0,
  },
  {
    slug: 'failure-exits-0',
    checks: ['01.6'],
    line: /\breturn 0\b/,
    why: 'box.ts could not do what it was asked and reports a success. Throw an error instead: the status is 125 then. Scripts look at the status, not at the message.',
    shows: (run) => run.exitCode === 0,
  },
];
