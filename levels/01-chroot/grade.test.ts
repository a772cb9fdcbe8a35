// What must be true of level 01.
import { grade } from '#grading';
import type { FoundFile } from '#grading/files';
import { findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/01-chroot';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { dataDirectory } from '../../workshop/paths.ts';
import { missingImage, missingImageName, said, secret, secretFile, tour } from '#grading/tour';

const { randomWord } = choices('01-chroot');
const { scenario, check, earlier } = grade('01-chroot', misconceptions);

const held = scenario(tour);
const missing = scenario(missingImage);

/** As on a new machine: a folder of containers that is not there yet. */
const newFolder = `${randomWord()}/containers`;
const first = scenario(
  {
    host: 'mishaps',
    args: ['-i', 'busybox', '--container-dir', `${dataDirectory()}/containers/${newFolder}`, '/bin/true'],
    reproduce: '-i busybox --container-dir /tmp/new/containers /bin/true',
  },
  missingImage,
);

/** The root directory of the container, among what lies in the folder of containers: where bin/busybox is. */
function rootOf(run: Run): string | null {
  const found = run.containers.find(({ path }) => path.endsWith('bin/busybox'));
  return found === undefined ? null : found.path.slice(0, -'bin/busybox'.length);
}

function fileOf(run: Run, name: string): FoundFile | undefined {
  const root = rootOf(run);
  return root === null ? undefined : run.containers.find(({ path }) => path === root + name);
}

check('01.1', "the image is unpacked into a directory of the container's own", {
  of: held,
  and: [first],
  until: '04',
  why: 'A container needs a root directory that no other one uses. It comes from an image, which is nothing but a tar archive of a small system.',
  man: 'tar(1)',
  holds(run) {
    const expected =
      "the image's files (bin/busybox among them) in a folder of this container, below the folder of containers";
    const root = rootOf(run);
    const evidence = run.containers.slice(0, 4).map(({ path, type }) => `${type} ${path}`);
    if (root === null) {
      return {
        expected,
        actual: run.containers.length === 0 ? 'the folder of containers is empty' : 'there is no bin/busybox',
        evidence,
      };
    }
    if (root === '')
      return {
        expected,
        actual: 'the image lies in the folder of containers itself, which all of them share',
        evidence,
      };
    if (earlier || rootOf(first.run!)?.startsWith(`${newFolder}/`) === true) return undefined;
    return {
      expected: 'the image unpacked also where --container-dir names a folder that is not there yet',
      actual: `nothing was unpacked there, and ${showEnd(first.run!)}`,
      seenIn: first.run!,
    };
  },
});

check('01.2', 'its links and modes are as in the image, and device nodes are left out', {
  of: held,
  until: '04',
  needs: ['01.1'],
  why: 'The links of an image are meant for a process whose / is the image: /bin/sh points to /bin/busybox, with its slash. And a device node in an archive would open a door to the hardware of the host.',
  man: 'symlink(7)',
  holds(run) {
    const sh = fileOf(run, 'bin/sh');
    if (sh?.target !== '/bin/busybox') {
      return {
        expected: 'bin/sh, a link to /bin/busybox',
        actual:
          sh === undefined
            ? 'there is no bin/sh'
            : `bin/sh is a ${sh.type}${sh.target === null ? '' : ` to ${sh.target}`}`,
        evidence: run.containers
          .filter(({ type }) => type === 'link')
          .slice(0, 3)
          .map(({ path, target }) => `${path} -> ${target}`),
      };
    }
    const temporary = fileOf(run, 'tmp');
    if (temporary?.mode !== 0o1777) {
      return {
        expected: '/tmp with the mode 1777, as in the image: everybody may write into it',
        actual: temporary === undefined ? 'there is no /tmp' : `its mode is ${temporary.mode.toString(8)}`,
      };
    }
    const devices = run.containers.filter(({ type }) => type.endsWith('device'));
    if (devices.length === 0) return undefined;
    return {
      expected: 'no device node in what was unpacked',
      actual: `${devices.length} were taken from the archive`,
      evidence: devices.map(({ path }) => `device ${path}`),
    };
  },
});

check('01.3', '/proc, /sys and /dev are mounted in it', {
  of: held,
  needs: ['01.1'],
  why: 'Programs find processes in /proc, the machine in /sys and devices in /dev. These are no files on a disk: the kernel shows them where a filesystem of the right type is mounted.',
  man: 'mount(2)',
  holds(run) {
    const command = run.during?.commands[0];
    const mounts = command?.mounts ?? run.after.mounts;
    // Behind a chroot, a process's mount table begins at its own root; without one it names the container's directory.
    const root =
      command !== undefined && command.rootId !== run.before.rootId ? '' : `/${rootOf(run) ?? ''}`.replace(/\/$/, '');
    const wanted = { '/proc': ['proc'], '/sys': ['sysfs'], '/dev': ['tmpfs', 'devtmpfs', 'ramfs'] };
    const lacking = Object.entries(wanted).filter(
      ([directory, types]) =>
        !mounts.some(
          ({ type, mountPoint }) =>
            types.includes(type) && (root === '' ? mountPoint === directory : mountPoint.endsWith(root + directory)),
        ),
    );
    if (lacking.length === 0) return undefined;
    return {
      expected: "proc on /proc, sysfs on /sys and tmpfs on /dev, in the container's directory",
      actual: `missing: ${lacking.map(([directory, types]) => `${types[0]} on ${directory}`).join(', ')}`,
      evidence: showCalls(run.trace.filter(({ call }) => call === 'mount')),
    };
  },
});

check('01.4', "its / is the container's directory, and that of box.ts is not", {
  of: held,
  until: '03',
  needs: ['01.1'],
  why: "Which directory a path beginning with / starts from is a property of each process. It is the same as its parent's until chroot changes it.",
  man: 'chroot(2)',
  holds(run) {
    const expected = "the command's root, as the kernel has it, is the directory that was unpacked";
    const command = run.during?.commands[0];
    if (command === undefined)
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    const root = rootOf(run)!.replace(/\/$/, '');
    const runtime = run.during!.runtime;
    if (runtime !== null && runtime.rootId !== run.before.rootId) {
      return {
        expected: "that box.ts itself keeps the host's /",
        actual: `its root is ${runtime.root}`,
        evidence: [`/proc/${runtime.innerPid}/root -> ${runtime.root}`],
        at: findCall(run, 'chroot', ({ process }) => process === '0'),
      };
    }
    if (command.root.endsWith(`/${root}`)) return undefined;
    return {
      expected,
      actual: `its root is ${command.root}`,
      evidence: [
        `/proc/${command.innerPid}/root -> ${command.root}`,
        ...showCalls(run.trace.filter(({ call }) => call === 'chroot')),
      ],
      at: findCall(run, 'chroot') ?? findCall(run, ['execvp', 'execvpe']),
    };
  },
});

check('01.5', 'its working directory is inside, and the host is out of reach', {
  of: held,
  needs: ['01.4'],
  why: 'A relative path starts from the working directory. As long as that lies outside the new root, `..` leads through the whole host.',
  man: 'path_resolution(7)',
  holds(run) {
    const command = run.during?.commands[0];
    if (command === undefined) {
      return {
        expected: 'a command whose working directory is inside',
        actual: `the command never ran: ${showEnd(run)}`,
        evidence: showStderr(run),
      };
    }
    const read = ['secret', 'secret above'].some((probe) => said(run, probe)?.includes(secret));
    if (!run.during!.inside!.cwdIsInside) {
      return {
        expected: `a working directory at or below ${command.root}`,
        actual: `it is ${command.cwd}`,
        evidence: [
          `/proc/${command.innerPid}/cwd -> ${command.cwd}`,
          ...(read ? [`the command read the host's ${secretFile}`] : []),
        ],
        at: findCall(run, ['chroot', 'pivot_root']),
      };
    }
    if (!read) return undefined;
    return { expected: 'that no file of the host can be read', actual: `the command read the host's ${secretFile}` };
  },
});

check('01.6', 'a missing image is said, and leaves nothing behind', {
  of: missing,
  needs: ['01.1'],
  why: 'What can be known before anything is made must be checked before: an empty directory that looks like a container misleads every later run.',
  man: 'stat(2)',
  holds(run) {
    if (run.exitCode !== 125) {
      return { expected: 'status 125, for box.ts itself has failed', actual: showEnd(run), evidence: showStderr(run) };
    }
    if (!run.stderr.includes(missingImageName)) {
      return {
        expected: `a sentence on stderr that names the image ${missingImageName}`,
        actual: 'the name is not in it',
        evidence: showStderr(run),
      };
    }
    if (run.containers.length === 0) return undefined;
    return {
      expected: 'an empty folder of containers',
      actual: `it holds ${run.containers
        .map(({ path }) => path)
        .slice(0, 3)
        .join(', ')}`,
    };
  },
});
