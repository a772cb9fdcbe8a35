// What people believe who fail the bonus level about containers without root.
import { findCall, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** The checks that fail where no command ever runs, whichever step refused. */
const first = ['rootless.1', 'rootless.2'];

/** A call of a child that was not permitted. */
function refused(
  run: Run,
  call: string,
  also: (args: readonly string[]) => boolean = () => true,
): ReturnType<typeof findCall> {
  return findCall(run, call, ({ errno, args }) => (errno === 'EPERM' || errno === 'EACCES') && also(args));
}

/** The call that made the child in a user namespace. */
function born(run: Run): ReturnType<typeof findCall> {
  return findCall(
    run,
    ['clone', 'unshare'],
    ({ args, errno }) => errno === null && args.join().includes('CLONE_NEWUSER'),
  );
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'root-asked-for',
    checks: ['rootless.1'],
    line: /['"`](sudo|su|doas|pkexec|run0)\b/,
    why: 'A step asks for root by way of another program. The point of a container without root is that nobody has to be trusted with it: what needs a privilege is done in the user namespace, or by newuidmap and newgidmap, which check what they are asked for.',
    shows: (_run, finding) => finding.expected === 'that no step asks for root',
  },
  {
    slug: 'user-namespace-by-unshare',
    checks: ['rootless.1'],
    man: 'unshare(2)',
    why: 'A process with several threads, as Node is, cannot enter a new user namespace: its threads would be different users. The child gets it at its birth, from clone, or makes it itself, as it has one thread.',
    shows: (run) =>
      findCall(run, 'unshare', ({ errno, args }) => errno === 'EINVAL' && args.join().includes('CLONE_NEWUSER')),
  },
  {
    slug: 'no-user-namespace',
    checks: ['rootless.1'],
    man: 'clone(2)',
    why: 'Every kind of namespace but one takes a right that ordinary users have not got. The exception is the user namespace. Asked for together with the others, it is made first, and in it the child has the right to have them.',
    shows: (run) => born(run) === undefined && refused(run, 'clone'),
  },
  {
    slug: 'mknod-in-a-user-namespace',
    checks: ['rootless.1', 'rootless.3'],
    man: 'mknod(2)',
    why: 'The command would be root, but only of its user namespace. A device node means the same everywhere, a disk too, so the kernel lets only root of the machine make one. What can be had is the node that the host has: bind-mounted on a file.',
    shows: (run) => born(run) !== undefined && refused(run, 'mknod'),
  },
  {
    slug: 'sysfs-that-can-be-written',
    checks: ['rootless.1', 'rootless.4'],
    man: 'mount(2)',
    why: 'A sysfs of your own must not allow more than the one that you can see. On this host /sys is read-only, so the kernel refuses one that can be written.',
    shows: (run) => refused(run, 'mount', (args) => args[2] === '"sysfs"' && args[3]?.includes('MS_RDONLY') !== true),
  },
  {
    slug: 'ranges-written-by-hand',
    checks: [...first, 'rootless.5'],
    man: 'newuidmap(1)',
    line: /\/(uid_map|gid_map)/,
    why: 'You may map your own id, and no other: who could map any id could read the files of anybody. A line with more ids takes a privilege. newuidmap and newgidmap have it, and compare what they are asked for with /etc/subuid and /etc/subgid.',
    shows: (run) =>
      mapRefused(run) &&
      /^(?!.*newuidmap)[\s\S]*EPERM: operation not permitted, write/.test(run.stderr) &&
      run.user?.subordinate !== null,
  },
  {
    slug: 'groups-not-denied',
    checks: ['rootless.6'],
    line: /\/gid_map/,
    why: 'Before you may write your own line into gid_map, the word "deny" must be in /proc/PID/setgroups. Else a process could use the namespace to leave a group that keeps it out of a file.',
    shows: (run) => /EPERM: operation not permitted, write/.test(run.stderr) && run.user?.subordinate === null,
  },
  {
    slug: 'another-id-for-root',
    checks: first,
    why: 'A line of a map is: inside, outside, count. 0 inside must stand for your own id outside. newuidmap shows it as [inside) -> [outside): the other way round you ask to be uid 0 of the host, and that is refused. And where 0 inside is not mapped, setgid(0) and setuid(0) fail with EINVAL.',
    line: /\(\[?'newuidmap'/,
    shows: (run) =>
      /write to uid_map failed: Invalid argument|-> \[0-1\) not allowed/.test(run.stderr) ||
      findCall(run, ['setuid', 'setgid'], ({ errno, args }) => errno === 'EINVAL' && args[0] === '0'),
  },
  {
    slug: 'uids-not-set-aside',
    checks: [...first, 'rootless.5'],
    man: 'newuidmap(1)',
    line: /\(\[?'newuidmap'/,
    why: 'newuidmap refuses what is not yours. Outside, these uids are yours: the one that you are, and those of the line in /etc/subuid that begins with your name. The lines of others are for others, and 100000 is only where the first user of many systems begins.',
    shows: (run) => /newuidmap: uid range \[.*not allowed/.test(run.stderr),
  },
  {
    slug: 'gids-not-set-aside',
    checks: [...first, 'rootless.5'],
    man: 'newgidmap(1)',
    line: /\(\[?'newgidmap'/,
    why: 'newgidmap refuses what is not yours. Groups are counted apart from users: your own gid need not be your uid, and your subordinate gids are in a file of their own, /etc/subgid.',
    shows: (run) => /newgidmap: gid range \[.*not allowed/.test(run.stderr),
  },
  {
    slug: 'no-map',
    checks: first,
    line: /linux\.clone\(/,
    why: 'Until its maps are written, nobody in a user namespace is anybody: every id is shown as 65534, nobody. The rights of root count only for files whose owner is in the map, and an empty map has nobody. The parent has to write the maps before the child begins.',
    shows: (run) => born(run) !== undefined && /EOVERFLOW|no map has been written/.test(run.stderr),
  },
  {
    slug: 'no-file-to-bind-on',
    checks: ['rootless.1', 'rootless.3'],
    man: 'mount(2)',
    why: 'A bind mount needs something to stand on: for a file, a file. The new /dev is empty, so an empty file must be made first for each device.',
    shows: (run) =>
      findCall(run, 'mount', ({ errno, args }) => errno === 'ENOENT' && args[3]?.includes('MS_BIND') === true),
  },
  {
    slug: 'bound-from-inside',
    checks: ['rootless.3'],
    man: 'pivot_root(2)',
    why: "After pivot_root the host's /dev is gone, and /dev/null names the empty file that was just made. The nodes have to be bound while the host's files can still be seen.",
    shows: (run) => {
      const pivot = run.trace.findIndex(({ call }) => call === 'pivot_root');
      return pivot === -1
        ? undefined
        : run.trace.slice(pivot).find(({ call, args }) => call === 'mount' && args[3]?.includes('MS_BIND'));
    },
  },
  {
    slug: 'notes-for-root-only',
    checks: ['rootless.4'],
    man: 'mount(8)',
    why: 'To delete a directory of the image, overlay writes a note into an extended attribute: what the image has in it is to be hidden. It takes one whose name begins with trusted, which only root of the machine may write. There is an option that makes it take one that users may write.',
    shows: (run) =>
      findCall(
        run,
        'mount',
        ({ args, errno }) => errno === null && args[2] === '"overlay"' && args[4]?.includes('userxattr') !== true,
      ),
  },
  {
    slug: 'one-id-for-all',
    checks: ['rootless.5'],
    man: 'subuid(5)',
    line: /\/uid_map/,
    why: 'With one line of one id there is nobody in the container but root. A file cannot be given to another user, and no program can become one. This user has been given more ids: /etc/subuid and /etc/subgid name them.',
    shows: (_run, { actual }) => actual.startsWith('1 uids and 1 gids'),
  },
  {
    slug: 'unmapped-user',
    checks: ['rootless.6', 'rootless.7'],
    man: 'setuid(2)',
    line: /accountOf\(/,
    why: 'An id that no map has is none: setuid answers that the argument is invalid, when the container is already made. Which ids there will be is known before, so that box.ts can say so.',
    shows: (_run, { expected }) => /^for --user \d+: /.test(expected),
  },
  {
    slug: 'subordinate-ids-taken-for-granted',
    checks: ['rootless.6'],
    man: 'subuid(5)',
    why: 'Not every user has a line in /etc/subuid. Their own id is theirs all the same, and that is enough for a container with one user.',
    shows: (run) => run.during === null,
  },
  {
    slug: 'ids-of-the-host',
    checks: ['rootless.7'],
    why: 'What runs in a user namespace names ids as they are inside. The kernel translates them: setuid takes the number that --user gives, and the host sees the other one.',
    shows: (run) =>
      findCall(run, ['setuid', 'setgid'], ({ errno, args }) => errno === 'EINVAL' && Number(args[0]) > 65_536),
  },
  {
    slug: 'groups-of-the-starter',
    checks: ['rootless.7'],
    man: 'setgroups(2)',
    why: 'The groups of whoever started box.ts come along. No map names them, so inside they look like nogroup, and yet the command may read what they may read. With mapped groups setgroups is allowed, and an empty list drops them, for root of the container, too.',
    line: /\bbecomeUser\(/,
    shows: (run, { actual }) =>
      /the command is in \d/.test(actual)
        ? (findCall(run, 'setgid') ?? true)
        : /the command of root is in/.test(actual),
  },
  {
    slug: 'limit-only-warned-of',
    checks: ['rootless.8'],
    line: /console\.\w+\(|process\.stderr\.write\(|fs\.writeSync\(2/,
    why: 'A warning scrolls away, and in a script nobody reads it. The container then runs without the limit that it was to have. Only a refusal cannot be overlooked.',
    shows: (run, { actual }) => actual === 'the command ran' && run.stderr.includes('--memory'),
  },
  {
    slug: 'limit-ignored',
    checks: ['rootless.8'],
    line: /memory\b.*BoxOptions|BoxOptions\)/,
    why: 'The limit was asked for and nothing came of it. A container without the limit is worse than none: whoever started it believes that the machine is safe from it.',
    shows: (_run, { actual }) => actual === 'the command ran',
  },
  {
    slug: 'limit-refused-by-the-kernel',
    checks: ['rootless.8'],
    why: 'A limit is written in a cgroup, and the directories of cgroups belong to root. The kernel refuses that, when box.ts has already made half a container. What cannot be had must be refused before, in a sentence that names the option.',
    shows: (run) => /EACCES|EPERM|EROFS/.test(run.stderr) || run.containers.length > 0,
  },
];

/** Whether the container was made, and nothing of it ran because its map was refused. */
function mapRefused(run: Run): boolean {
  return run.during === null && born(run) !== undefined;
}
