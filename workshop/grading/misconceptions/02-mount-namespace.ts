// What people believe who fail level 02.
import type { TraceLine } from '../../../linux/trace.ts';
import type { FoundFile } from '../files.ts';
import { findCall, lineWith, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** Whether the call gives its caller, or its child, a mount namespace. */
function makesNamespace({ call, args }: TraceLine): boolean {
  return (call === 'unshare' || call === 'clone') && args.some((argument) => argument.includes('CLONE_NEWNS'));
}

/** Whether the call cuts the tie between a mount and its peers. */
function cutsTie({ call, args }: TraceLine): boolean {
  return call === 'mount' && /MS_(PRIVATE|SLAVE|UNBINDABLE)/.test(args[3] ?? '');
}

/** Whether the call attached a filesystem somewhere. */
function attaches({ call, args, errno }: TraceLine): boolean {
  return call === 'mount' && errno === null && !/MS_(PRIVATE|SLAVE|UNBINDABLE|SHARED|REMOUNT)/.test(args[3] ?? '');
}

/** The first call of one kind, if one of another kind came before it. */
function tooLate(
  run: Run,
  late: (line: TraceLine) => boolean,
  early: (line: TraceLine) => boolean,
): TraceLine | undefined {
  const index = run.trace.findIndex(late);
  return index > run.trace.findIndex(early) && run.trace.some(early) ? run.trace[index] : undefined;
}

const names = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** The mknod call of the first device for which this holds: of what was made, and of the mode that was asked for. */
function madeDevice(run: Run, holds: (made: FoundFile, askedMode: string) => boolean): TraceLine | undefined {
  for (const name of names) {
    const made = run.during?.inside?.dev[name];
    const call = findCall(run, 'mknod', ({ args }) => args[0]?.endsWith(`/${name}"`) === true);
    if (made !== undefined && call !== undefined && holds(made, call.args[1] ?? '')) return call;
  }
  return undefined;
}

/** The call that mounted something on the container's /dev, or below it. */
function mountOn(run: Run, directory: string, also: (line: TraceLine) => boolean = () => true): TraceLine | undefined {
  return findCall(run, 'mount', (line) => line.args[1]?.endsWith(`${directory}"`) === true && also(line));
}

const links = ['fd', 'stdin', 'stdout', 'stderr', 'ptmx'];

function linkTargets(run: Run): string[] {
  return links.flatMap((name) => run.during?.inside?.dev[name]?.target ?? []);
}

const async = /\bfs\.promises\b|\bpromises\.|\bawait\b|fs\/promises/;

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'private-is-for-mount-points',
    checks: ['02.1'],
    hint: '02.2',
    man: 'mount(2)',
    why: 'Private or shared is a property of a mount, and not of a directory. Your new root is only a directory of the mount that it lies on, so the kernel refuses. Begin at `/`, which is a mount, and take along all below it.',
    shows: (run) => findCall(run, 'mount', (line) => cutsTie(line) && line.errno === 'EINVAL'),
  },
  {
    slug: 'link-arguments-swapped',
    checks: ['02.1'],
    hint: '02.4',
    man: 'symlink(2)',
    why: "The arguments are the wrong way round: the first one is what the link says, and the second is where the link stands, as with ln -s. So the program tried to make a link in the host's /proc.",
    shows: (run) => /symlink '[^']*' -> '\/proc\//.test(run.stderr),
  },
  {
    slug: 'dev-of-the-host',
    checks: ['02.1', '02.3'],
    man: 'mount(2)',
    why: "This is the host's /dev, shown at a second place. On a real machine its disks and all terminals are in it. Whatever the container does there it does to the host. A container gets an empty /dev of its own, with the few nodes that programs need.",
    shows: (run) =>
      findCall(run, 'mount', ({ args }) => args[2] === '"devtmpfs"' || /^"\/dev\/?"$/.test(args[0] ?? '')),
  },
  {
    slug: 'mount-point-missing',
    checks: ['02.1'],
    hint: '02.5',
    man: 'mount(2)',
    why: 'A filesystem is mounted on a directory that is there. A new tmpfs is empty, so a directory in it has to be made first.',
    shows: (run) => findCall(run, 'mount', ({ errno }) => errno === 'ENOENT'),
  },
  {
    slug: 'wrong-namespace',
    checks: ['02.1'],
    why: 'There is a flag for each kind of namespace, and this one gives a namespace of another kind. The flag for mounts has the plainest name, since it was the first: CLONE_NEWNS.',
    shows: (run) => (run.trace.some(makesNamespace) ? false : findCall(run, 'unshare')),
  },
  {
    slug: 'namespace-of-another-process',
    checks: ['02.1'],
    line: /['"`]unshare\b/,
    why: 'A namespace belongs to the process that asks for it, and to the children that it makes afterwards. The program unshare asks for itself, and has ended when your code goes on. Make the system call, in the process that becomes the command.',
    shows: (run) => !run.trace.some(makesNamespace) && lineWith(run, /['"`]unshare\b/) !== null,
  },
  {
    slug: 'unshare-after-fork',
    checks: ['02.1'],
    why: 'A child gets the namespaces that its parent has when it is made. What the parent asks for later is for the parent alone: here box.ts moved, and the command stayed behind on the host.',
    shows: (run) =>
      tooLate(
        run,
        (line) => makesNamespace(line) && line.process === '0',
        ({ call, process }) => call === 'fork' && process === '0',
      ),
  },
  {
    slug: 'no-mount-namespace',
    checks: ['02.1'],
    why: "Each mount that your program makes goes into the mount table of its namespace, and that is still the host's. Every program there sees it, and it stays until somebody unmounts it, which nobody does if box.ts is killed. The child has to leave for a namespace of its own first.",
    shows: (run) => (run.during !== null && !run.trace.some(makesNamespace) ? (findCall(run, 'mount') ?? true) : false),
  },
  {
    slug: 'mounts-before-unshare',
    checks: ['02.2'],
    why: 'The new namespace is a copy of the old one at this moment. What was mounted before was mounted on the host, and stays there. The namespace comes first, and then the mounts.',
    shows: (run) => tooLate(run, makesNamespace, attaches),
  },
  {
    slug: 'private-before-unshare',
    checks: ['02.2'],
    why: "Before unshare there is only the host's own mount table. You have made the host's mounts private, for all programs on it and for good. First the copy, and then its ties.",
    shows: (run) => {
      const index = run.trace.findIndex(makesNamespace);
      return index > 0 ? run.trace.slice(0, index).find(cutsTie) : undefined;
    },
  },
  {
    slug: 'private-elsewhere',
    checks: ['02.2'],
    why: 'Your own mount was made private, but the host had it by then. A new mount is passed on if the mount that it is attached to is shared, and that one still was. Begin at `/`, with all mounts in it, before anything is mounted.',
    shows: (run) => findCall(run, 'mount', (line) => cutsTie(line) && line.args[1] !== '"/"'),
  },
  {
    slug: 'private-too-late',
    checks: ['02.2'],
    why: "A mount is passed on to its peers at the moment when it is made. Cutting the tie afterwards does not call it back: it is in the host's table already.",
    shows: (run) => tooLate(run, cutsTie, attaches),
  },
  {
    slug: 'private-not-recursive',
    checks: ['02.2'],
    why: 'MS_PRIVATE is for one mount alone, here for `/`. The folder of containers is a mount of its own on this host, and still tied to its peer: what you mount below it, the host gets, too. MS_REC takes along all mounts below.',
    shows: (run) => findCall(run, 'mount', (line) => cutsTie(line) && !line.args[3]!.includes('MS_REC')),
  },
  {
    slug: 'mounts-stay-shared',
    checks: ['02.2'],
    why: "The new namespace has a copy of the host's mounts. The copy of a shared mount is a peer of its original, and with systemd all are shared: what is mounted on one appears on the other. MS_SHARED keeps this tie. The copy has to be made private before anything is mounted.",
    shows: (run) =>
      run.trace.some(cutsTie)
        ? false
        : (findCall(run, 'mount', ({ args }) => args[3]?.includes('MS_SHARED') === true) ??
          run.trace.find(makesNamespace)),
  },
  {
    slug: 'async-in-the-child',
    checks: ['02.3', '02.4', '02.5'],
    line: async,
    why: 'Whatever follows the first await is done later, by the event loop. The child has no later: it becomes the command at once. Use the calls that end in Sync; after fork they are the only safe ones.',
    shows: (run) => lineWith(run, async) !== null,
  },
  {
    slug: 'hidden-by-a-later-mount',
    checks: ['02.3', '02.4', '02.5'],
    man: 'mount(2)',
    why: 'What you made is there, but below: a filesystem that is mounted on a directory hides what was in it. Mount first, then fill what you mounted.',
    shows: (run) => tooLate(run, (line) => attaches(line) && line.args[1]?.endsWith('/dev"') === true, inDev),
  },
  {
    slug: 'mknod-without-a-type',
    checks: ['02.3'],
    why: 'The mode tells mknod what kind of file to make, and 0 there means a regular file. Without a type you get an empty file, and no error. A program that writes to this /dev/null fills the memory.',
    shows: (run) => madeDevice(run, ({ type }) => type === 'file'),
  },
  {
    slug: 'block-in-place-of-character',
    checks: ['02.3'],
    why: 'The same two numbers mean other devices for block devices, which are disks and what looks like disks. /dev/null and its like are character devices: they are read and written as a stream.',
    shows: (run) => madeDevice(run, ({ type }) => type === 'block-device'),
  },
  {
    slug: 'numbers-swapped',
    checks: ['02.3'],
    why: 'The first number is the major one: it names the driver, which is 1 for memory devices such as null. The second, minor one says which of its devices. Here they are the other way round.',
    shows: (run) =>
      madeDevice(run, ({ major, minor, path }) =>
        path === 'tty' ? major === 0 && minor === 5 : minor === 1 && major! > 1,
      ),
  },
  {
    slug: 'numbers-not-joined',
    checks: ['02.3'],
    why: 'mknod takes one number, in which the major and the minor one are packed together. Given a small number as it is, it reads it as the minor one, of driver 0, which does not exist. makedev packs them.',
    shows: (run) => madeDevice(run, ({ major, minor }) => major === 0 && minor !== 5),
  },
  {
    slug: 'no-permission-bits',
    checks: ['02.3'],
    why: 'The mode is two things joined: the type and the permission bits. With the type alone nobody has any permission. Root does not notice, every other user does.',
    shows: (run) => madeDevice(run, ({ mode }) => mode === 0),
  },
  {
    slug: 'mode-not-octal',
    checks: ['02.3'],
    why: 'Permission bits are written in octal, and in JavaScript an octal number begins with 0o. Without it, 666 is a decimal number with quite other bits.',
    shows: (run) => madeDevice(run, (_made, asked) => asked.endsWith('1232')),
  },
  {
    slug: 'umask-not-put-back',
    checks: ['02.3'],
    man: 'umask(2)',
    why: 'The umask belongs to the process, and stays when its program is replaced. What was set for the devices holds for the command, too: whatever it makes from now on, everybody may write to. umask returns the old value, so that it can be put back.',
    shows: (_run, finding) => finding.expected.includes('the umask with which'),
  },
  {
    slug: 'umask-takes-bits-away',
    checks: ['02.3'],
    man: 'umask(2)',
    why: 'You asked for 0666 and got less: each process has a umask, and the bits in it are taken from the mode of every file that it makes. With the usual 022 only root may write to the device.',
    shows: (run) => madeDevice(run, ({ mode }, asked) => asked.endsWith('666') && mode !== 0o666),
  },
  {
    slug: 'for-root-only',
    checks: ['02.3'],
    why: 'These permission bits keep out everybody but root. In a container other users run programs, too, and they all expect to write to /dev/null.',
    shows: (run, finding) =>
      madeDevice(run, ({ mode }) => (mode & 0o006) !== 0o006) ?? finding.expected.includes('may look into /dev'),
  },
  {
    slug: 'wrong-numbers',
    checks: ['02.3'],
    line: /\b(null|zero|full|u?random|tty)\b.*\b[0-9]/,
    why: "The name of a node means nothing to the kernel; the two numbers do. This node leads to another device than its name says. The kernel's list of them is devices.txt.",
    shows: (run, finding) => {
      if (!/^\/dev\/\w+, a character device/.test(finding.expected)) return false;
      const wrong =
        finding.at === undefined
          ? undefined
          : madeDevice(run, ({ path }) => finding.at!.args[0]!.endsWith(`/${path}"`));
      if (wrong === undefined) return false;
      // Made in a loop: the numbers are somewhere else.
      const inOneLine = new Set(run.trace.filter(({ call }) => call === 'mknod').map(({ line }) => line)).size === 1;
      return inOneLine || wrong;
    },
  },
  {
    slug: 'devices-on-nodev',
    checks: ['02.3'],
    man: 'mount(2)',
    why: 'MS_NODEV says that device nodes on this filesystem cannot be opened, even by root: hence Permission denied. For nearly every mount of a container this is right, but not for its /dev.',
    shows: (run) => mountOn(run, '/dev', ({ args }) => args[3]?.includes('MS_NODEV') === true),
  },
  {
    slug: 'link-to-one-process',
    checks: ['02.4'],
    why: "The link names one process by its pid: the child that becomes the command. What the command starts would read the command's input through it, and not its own. /proc/self is a link that leads each process to its own folder.",
    shows: (run) => linkTargets(run).some((target) => /^\/proc\/\d+\//.test(target)),
    line: /\.pid\b|getpid\(/,
  },
  {
    slug: 'link-target-on-the-host',
    checks: ['02.4', '02.5'],
    why: "A link is only a text, and is followed by whoever uses it: here by a process whose / is the container's. A target that begins with the path that this / has on the host leads nowhere there.",
    line: /symlink/,
    shows: (run) => linkTargets(run).some((target) => target.includes('/containers/')),
  },
  {
    slug: 'devpts-of-the-host',
    checks: ['02.5'],
    why: "This shows the host's terminals in the container, which can read what people type there, and write to them. A devpts that is mounted anew is empty and the container's own.",
    shows: (run) => findCall(run, 'mount', ({ args }) => /^"\/dev\/pts\/?"$/.test(args[0] ?? '')),
  },
  {
    slug: 'devpts-never-mounted',
    checks: ['02.5'],
    line: /\/pts\b/,
    why: 'No devpts was ever mounted. If the code for it is there, look at the condition before it: a directory that you have just made exists, always.',
    shows: (run) => findCall(run, 'mount', ({ args }) => args[2] === '"devpts"') === undefined,
  },
  {
    slug: 'no-ptmx',
    checks: ['02.5'],
    why: 'Programs open /dev/ptmx, and know nothing of the one in /dev/pts. There must be something of that name in /dev itself.',
    shows: (run) =>
      run.during?.inside?.dev['ptmx'] === undefined
        ? findCall(run, 'mount', ({ args }) => args[2] === '"devpts"')
        : false,
  },
  {
    slug: 'ptmx-for-nobody',
    checks: ['02.5'],
    why: 'A new devpts gives its ptmx the mode 0000, unless it is told otherwise when it is mounted. Root does not notice; any other user cannot open a terminal.',
    shows: (run, finding) =>
      /everybody may open/.test(finding.expected)
        ? findCall(run, 'mount', ({ args }) => args[2] === '"devpts"')
        : false,
  },
];

/** Whether the call made something in the container's /dev. */
function inDev({ call, args, errno }: TraceLine): boolean {
  return (
    errno === null &&
    (call === 'mknod' || call === 'mount') &&
    /\/dev\/\w+"$/.test(args[call === 'mknod' ? 0 : 1] ?? '')
  );
}
