// What must be true of level 02.
import path from 'node:path';
import type { TraceLine } from '../../linux/trace.ts';
import { grade } from '#grading';
import type { FoundFile } from '#grading/files';
import { findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/02-mount-namespace';
import { type Mount, processFacts } from '#grading/processes';
import type { Run } from '#grading/run';
import { said, tour } from '#grading/tour';

const { scenario, check } = grade('02-mount-namespace', misconceptions);

const held = scenario(tour);

/** What programs take for granted, by major and minor number, and what a probe prints where it works. */
const devices: Readonly<Record<string, { major: number; minor: number; works?: { probe: RegExp; does: string } }>> = {
  null: { major: 1, minor: 3, works: { probe: /^swallowed$/, does: 'swallows what is written' } },
  zero: { major: 1, minor: 5, works: { probe: /^3$/, does: 'gives zeros' } },
  full: { major: 1, minor: 7, works: { probe: /No space left/, does: 'is always full' } },
  random: { major: 1, minor: 8, works: { probe: /^3$/, does: 'gives random bytes' } },
  urandom: { major: 1, minor: 9, works: { probe: /^3$/, does: 'gives random bytes' } },
  tty: { major: 5, minor: 0 },
};

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function showFile(file: FoundFile | undefined): string {
  if (file === undefined) return 'not there';
  if (file.type === 'link') return `a link to ${file.target}`;
  const numbers = file.major === null ? '' : ` ${file.major}, ${file.minor}`;
  return `a ${file.type.replace('-', ' ')}${numbers} with mode ${octal(file.mode)}`;
}

check('02.1', 'the command has a mount namespace of its own', {
  of: held,
  why: 'Which mounts a process sees is decided by its mount namespace. A child is in the one of its parent, until it asks for its own.',
  man: 'mount_namespaces(7)',
  shownBy: 'readlink /proc/self/ns/mnt; box run readlink /proc/self/ns/mnt',
  holds(run) {
    const host = run.before.namespaces['mnt']!;
    const expected = `a mount namespace that is not the host's, ${host}`;
    const command = run.during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    const own = command.namespaces['mnt'];
    if (own !== host) return undefined;
    return {
      expected,
      actual: "it is in the host's",
      evidence: [
        `/proc/${command.innerPid}/ns/mnt -> ${own}`,
        ...showCalls(run.trace.filter(({ call }) => call === 'unshare' || call === 'clone')),
      ],
      at: findCall(run, ['unshare', 'clone']) ?? findCall(run, 'mount') ?? findCall(run, ['execvp', 'execvpe']),
    };
  },
});

/** A mount, such that two are the same line if nothing about it has changed. */
function showMount({ type, mountPoint, device, root, shared, options, superOptions }: Mount): string {
  return `${type} on ${mountPoint} ${device} ${root} ${options} ${superOptions}${shared ? ' shared' : ''}`;
}

/** In words, how a mount table differs from what it was; nothing where it does not. */
function changed(before: readonly Mount[], now: readonly Mount[]): string[] {
  const then = before.map(showMount);
  const known = new Set(then);
  const kept = new Set(now.map(showMount));
  const short = ({ type, mountPoint }: Mount): string => `${type} on ${mountPoint}`;
  const lost = before.filter((mount) => !kept.has(showMount(mount)));
  const come = now.filter((mount) => !known.has(showMount(mount)));
  const other = (mount: Mount, among: readonly Mount[]): Mount | undefined =>
    among.find(
      ({ mountPoint, device, root }) =>
        [mountPoint, device, root].join() === [mount.mountPoint, mount.device, mount.root].join(),
    );
  return [
    ...come.filter((mount) => other(mount, lost) === undefined).map((mount) => `+ ${short(mount)}`),
    ...lost.map((mount) => {
      const instead = other(mount, come);
      if (instead === undefined) return `- ${short(mount)}`;
      return mount.shared && !instead.shared
        ? `${mount.mountPoint} was shared, and is private`
        : `${short(mount)} has other options`;
    }),
  ];
}

check('02.2', "the host's mounts stay as they were, during the run and after it", {
  of: held,
  needs: ['02.1'],
  why: 'What is mounted for a container is a matter of that container. On a host whose mounts are shared, each new mount also appears in every copy of the table, unless the copy is made private.',
  man: 'mount_namespaces(7)',
  shownBy: 'grep -c shared: /proc/self/mountinfo; box run true; grep -c shared: /proc/self/mountinfo; cat /proc/mounts',
  holds(run) {
    const during = changed(run.before.mounts, run.during!.host.mounts);
    const after = changed(run.before.mounts, run.after.mounts);
    const found = during.length > 0 ? during : after;
    if (found.length === 0) return undefined;
    const added = found.filter((line) => line.startsWith('+')).length;
    const counted =
      added > 0 ? `${added} more mount${added === 1 ? '' : 's'}` : `${found.length} of them not as before`;
    return {
      expected: `the ${run.before.mounts.length} mounts that the host had before the run, and no others`,
      actual: `${counted} ${during.length > 0 ? 'while the command ran' : 'when it had ended'}`,
      evidence: [
        ...found.slice(0, 4).map((line) => `the host: ${line}`),
        ...(found.length > 4 ? [`the host: ${found.length - 4} more`] : []),
      ],
    };
  },
});

check('02.3', '/dev is its own, and null, zero, full, random, urandom and tty work', {
  of: held,
  needs: ['02.1'],
  why: 'A device node is a file with a type, two numbers that say which device it leads to, and permission bits. All three must be right, and for everybody, not only for root.',
  man: 'mknod(2)',
  reproduce: 'ls -l /dev',
  holds(run) {
    const command = run.during!.commands[0]!;
    const inside = run.during!.inside!;
    const dev = command.mounts.findLast(({ mountPoint }) => mountPoint === '/dev');
    const hosts = run.before.mounts.some(({ device, root }) => device === dev?.device && root === dev.root);
    if (dev !== undefined && (hosts || dev.type === 'devtmpfs')) {
      return {
        expected: "a /dev of the container's own",
        actual: "it is the host's own",
        evidence: [
          `the command's mount table: ${dev.type} on /dev, filesystem ${dev.device}`,
          `names in it: ${Object.keys(inside.dev).length}`,
        ],
      };
    }
    for (const [name, { major, minor, works }] of Object.entries(devices)) {
      const file = inside.dev[name];
      const right =
        file?.type === 'character-device' && file.major === major && file.minor === minor && file.mode === 0o666;
      if (!right) {
        return {
          expected: `/dev/${name}, a character device ${major}, ${minor} with mode 0666`,
          actual: `it is ${showFile(file)}`,
          evidence: showCalls(run.trace.filter((line) => line.call === 'mknod' && aboutFile(line.args, name))),
          at: findCall(run, 'mknod', ({ args }) => aboutFile(args, name)) ?? mountOfDev(run),
        };
      }
      const printed = said(run, name);
      if (works !== undefined && printed !== null && !works.probe.test(printed)) {
        return {
          expected: `that /dev/${name} ${works.does}`,
          actual: `the command was told: ${printed || 'nothing'}`,
          evidence: dev === undefined ? [] : [`the command's mount table: ${dev.type} on /dev ${dev.options}`],
        };
      }
    }
    if ((inside.devMode & 0o005) !== 0o005) {
      return {
        expected: 'that everybody may look into /dev and find a device there: mode 0755',
        actual: `its mode is ${octal(inside.devMode & 0o7777)}`,
        reproduce: 'ls -ld /dev',
        at: mountOfDev(run),
      };
    }
    // What keeps others from writing to new files; box.ts has it from us.
    const protects = (umask: number): number => umask & 0o022;
    const own = processFacts(process.pid)!.umask;
    if (protects(command.umask) === protects(own)) return undefined;
    return {
      expected: `that the command has the umask with which box.ts was started, ${octal(own)}`,
      actual: `it is ${octal(command.umask)}`,
      reproduce: 'sh -c umask',
      evidence: [
        `/proc/${command.innerPid}/status: Umask: ${octal(command.umask)}`,
        ...showCalls(run.trace.filter(({ call }) => call === 'umask')),
      ],
      at: run.trace.findLast(({ call }) => call === 'umask'),
    };
  },
});

/** The call that mounted the container's /dev. */
function mountOfDev(run: Run): TraceLine | undefined {
  return findCall(run, 'mount', ({ args }) => args[1]?.endsWith('/dev"') === true);
}

/** Whether a call's first argument, as traced, is a path that ends in this name. */
function aboutFile(args: readonly string[], name: string): boolean {
  return args[0]?.endsWith(`/${name}"`) === true;
}

/** Where a link of /dev leads, with /dev/fd followed: `/proc/self/fd/1`. */
function leadsTo(file: FoundFile | undefined): string | null {
  if (file?.type !== 'link') return null;
  return path.posix.resolve('/dev', file.target!).replace(/^\/dev\/fd(?=\/)/, '/proc/self/fd');
}

check('02.4', '/dev/fd, stdin, stdout and stderr are links to /proc/self/fd', {
  of: held,
  needs: ['02.1'],
  why: 'Scripts write to /dev/stdout and read /dev/stdin as if they were files. They are links: /proc/self/fd lists what the process that looks has open.',
  man: 'proc_pid_fd(5)',
  reproduce: 'ls -l /dev',
  holds(run) {
    const dev = run.during!.inside!.dev;
    const wanted = { fd: '', stdin: '/0', stdout: '/1', stderr: '/2' };
    const wrong = Object.entries(wanted).filter(([name, end]) => leadsTo(dev[name]) !== `/proc/self/fd${end}`);
    const first = wrong[0];
    if (first !== undefined) {
      return {
        expected: `/dev/${first[0]}, a link to /proc/self/fd${first[1]}`,
        actual: `it is ${showFile(dev[first[0]])}`,
        evidence: wrong.map(([name]) => `/dev/${name}: ${showFile(dev[name])}`),
        at: mountOfDev(run),
      };
    }
    const printed = said(run, 'stdin');
    if (printed === null || printed === 'through') return undefined;
    return { expected: 'that a pipe can be read as /dev/stdin', actual: `the command was told: ${printed}` };
  },
});

check('02.5', '/dev/pts is a devpts of its own, and /dev/ptmx makes terminals in it', {
  of: held,
  needs: ['02.1'],
  why: 'A shell with a prompt, ssh, tmux or script need a terminal. The kernel makes one when /dev/ptmx is opened, and shows it in the devpts beside it.',
  man: 'pts(4)',
  reproduce: 'ls -l /dev/ptmx /dev/pts',
  holds(run) {
    const command = run.during!.commands[0]!;
    const { dev, devptsDevice, ptsPtmx } = run.during!.inside!;
    const pts = command.mounts.findLast(({ mountPoint }) => mountPoint === '/dev/pts');
    if (pts?.type !== 'devpts') {
      return {
        expected: 'a devpts mounted on /dev/pts',
        actual: pts === undefined ? 'nothing is mounted there' : `it is a ${pts.type}`,
        evidence: command.mounts.map(({ type, mountPoint }) => `the command's mount table: ${type} on ${mountPoint}`),
      };
    }
    if (devptsDevice === run.before.devptsDevice) {
      return {
        expected: "a devpts of the container's own",
        actual: "it is the host's: the command can write to every terminal there",
        evidence: [`/dev/pts is filesystem ${pts.device}, as on the host`],
      };
    }
    const ptmx = leadsTo(dev['ptmx']) === '/dev/pts/ptmx' ? ptsPtmx : dev['ptmx'];
    const printed = said(run, 'ptmx');
    const opened = printed === null || /^opened .*\b0\b/.test(printed);
    if (ptmx?.type !== 'character-device' || !opened) {
      return {
        expected: 'that opening /dev/ptmx makes the terminal /dev/pts/0',
        actual: `/dev/ptmx is ${showFile(dev['ptmx'])}`,
        evidence: opened ? [] : [`ls /dev/pts in the container: ${printed}`],
      };
    }
    if ((ptmx.mode & 0o666) === 0o666) return undefined;
    return {
      expected: 'that everybody may open /dev/ptmx: mode 0666',
      actual: `its mode is ${octal(ptmx.mode)}`,
      evidence: [`devpts on /dev/pts: ${pts.superOptions}`],
    };
  },
});
