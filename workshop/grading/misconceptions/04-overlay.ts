// What people believe who fail level 04.
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, type Finding, lineWith, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** A mount of layers that the kernel refused, and for which `also` holds; `data` is its last argument as it was given. */
function refused(run: Run, errno: string, also: (data: string, call: TraceLine) => boolean): TraceLine | undefined {
  return findCall(
    run,
    'mount',
    (call) => call.errno === errno && /overlay/.test(call.args[2] ?? '') && also(dataOf(call), call),
  );
}

function dataOf({ args }: TraceLine): string {
  try {
    return String(JSON.parse(args[4] ?? '""'));
  } catch {
    return '';
  }
}

/** A layer's directory, as the data names it. */
function layer(data: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}=([^,]*)`).exec(data)?.[1];
}

function isBelow(directory: string | undefined, top: string | undefined): boolean {
  return directory !== undefined && top !== undefined && `${directory}/`.startsWith(`${top}/`);
}

/** The first mount of layers that the kernel took. */
function overlayOf(run: Run): TraceLine | undefined {
  return findCall(run, 'mount', ({ args, errno }) => errno === null && args[2] === '"overlay"');
}

/** Whether a check has found that each container has files of the image for itself. */
function isPerContainer({ actual, evidence = [] }: Finding): boolean {
  const [first, second] = evidence.map((line) => line.split('lowerdir=')[1]);
  return (/made anew/.test(actual) && first !== second) || /own directory holds/.test(actual);
}

const copying = /\b(cp|cpSync|copyFile\w*)\(|['"`]cp['"`]/;
const unpacking = /\bextract\(|['"`]tar['"`],/;

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'overlayfs-is-called-overlay',
    checks: ['04.1'],
    why: 'People say overlayfs, but the type by which mount knows it is overlay (see /proc/filesystems). ENODEV means that the kernel has no filesystem of the name that it was given.',
    shows: (run) => refused(run, 'ENODEV', () => true),
  },
  {
    slug: 'space-after-comma',
    checks: ['04.1'],
    why: 'The kernel splits the data at its commas and at nothing else. A space after a comma becomes part of the next name, and there is no option whose name begins with a space.',
    shows: (run) => refused(run, 'EINVAL', (data) => /,\s|\s[,=]/.test(data)),
  },
  {
    slug: 'mount-flag-in-the-data',
    checks: ['04.1'],
    why: 'mount on the command line takes all options in one list. The call takes two: nodev, nosuid, ro and the like are flags (MS_NODEV …), for every filesystem; the data is for this type alone.',
    shows: (run) =>
      refused(run, 'EINVAL', (data) => /(?:^|,)(nodev|nosuid|noexec|noatime|rw|ro|defaults)(?:,|$)/.test(data)),
  },
  {
    slug: 'layers-swapped',
    checks: ['04.1', '04.5'],
    why: 'lowerdir is read, upperdir is written. The image belongs below: as upperdir it would take all that the container writes.',
    shows: (run) =>
      findCall(
        run,
        'mount',
        (call) =>
          /overlay/.test(call.args[2] ?? '') &&
          /\/images\//.test(layer(dataOf(call), 'upperdir') ?? '') &&
          !/\/images\//.test(layer(dataOf(call), 'lowerdir') ?? ''),
      ),
  },
  {
    slug: 'upperdir-forgotten',
    checks: ['04.1'],
    why: 'An overlay without an upperdir has no place for changes. It can only be read, and even that needs two layers below.',
    shows: (run) =>
      refused(run, 'EINVAL', (data) => layer(data, 'upperdir') === undefined) ??
      (overlayOf(run) !== undefined && layer(dataOf(overlayOf(run)!), 'upperdir') === undefined
        ? overlayOf(run)
        : undefined),
  },
  {
    slug: 'workdir-forgotten',
    checks: ['04.1'],
    why: 'An overlay that can be written needs a third directory, workdir: there the kernel prepares a file before it moves it into upperdir, so that nobody ever sees half of it.',
    shows: (run) => refused(run, 'EINVAL', (data) => layer(data, 'workdir') === undefined),
  },
  {
    slug: 'workdir-inside-upperdir',
    checks: ['04.1'],
    why: 'workdir is not part of a layer: it must be neither upperdir itself nor inside it, or what the kernel keeps there would show up in the container. Put the two beside each other.',
    shows: (run) =>
      refused(
        run,
        'EINVAL',
        (data) =>
          isBelow(layer(data, 'workdir'), layer(data, 'upperdir')) ||
          isBelow(layer(data, 'upperdir'), layer(data, 'workdir')),
      ),
  },
  {
    slug: 'workdir-on-another-filesystem',
    checks: ['04.1'],
    why: 'The kernel prepares files in workdir and moves them into upperdir with a rename, which works only within one filesystem. Here the two lie on different ones.',
    shows: (run) => {
      const parent = (directory: string | undefined): string | undefined => directory?.replace(/\/[^/]*$/, '');
      return refused(run, 'EINVAL', (data) => parent(layer(data, 'workdir')) !== parent(layer(data, 'upperdir')));
    },
  },
  {
    slug: 'layer-is-no-directory',
    checks: ['04.1'],
    why: 'mount makes no directories. lowerdir, upperdir, workdir and the place where the result is to be seen must be there before.',
    shows: (run) => refused(run, 'ENOENT', () => true) ?? refused(run, 'ENOTDIR', () => true),
  },
  {
    slug: 'image-used-for-two-layers',
    checks: ['04.1'],
    why: 'One directory cannot be both the layer that is only read and the one that takes the changes. The kernel refuses that with ELOOP. Its text speaks of symbolic links; there is none here.',
    shows: (run) => refused(run, 'ELOOP', () => true),
  },
  {
    slug: 'image-entered-instead-of-overlay',
    checks: ['04.1'],
    why: 'The overlay is mounted, and the container went elsewhere: into one of its layers. Only the directory on which the overlay is mounted shows all layers together; what is written anywhere else goes to that directory itself.',
    shows: (run, finding) =>
      /its \/ is/.test(finding.actual) && overlayOf(run) !== undefined
        ? (findCall(run, ['pivot_root', 'chroot']) ?? overlayOf(run))
        : false,
  },
  {
    slug: 'no-overlay',
    checks: ['04.1'],
    why: 'This root is a plain directory, or a bind mount of one. Whatever the command writes changes that very directory.',
    shows: (run, finding) =>
      /its \/ is/.test(finding.actual) && overlayOf(run) === undefined
        ? (findCall(run, ['pivot_root', 'chroot']) ?? true)
        : false,
  },
  {
    slug: 'links-lost-their-slash',
    checks: ['04.1'],
    line: unpacking,
    why: 'The package tar takes the first slash from link targets unless it is told not to. /bin/sh then points to bin/busybox beside itself, which is not there: hence ENOENT. And the umask takes bits from the modes. Unpack the image as it is, as in level 01.',
    shows: (run) =>
      run.images.some(({ path, target }) => path.endsWith('bin/sh') && target === 'bin/busybox') ||
      run.containers.some(({ path, target }) => path.endsWith('bin/sh') && target === 'bin/busybox'),
  },
  {
    slug: 'device-nodes-unpacked',
    checks: ['04.1'],
    line: unpacking,
    why: 'The program tar, run as root, makes the device nodes of the archive, too. MS_NODEV shuts them only where the overlay is seen. The unpacked image is also a folder of the host, and there they open.',
    shows: (_run, finding) => /device node in the unpacked/.test(finding.expected),
  },
  {
    slug: 'upperdir-in-use',
    checks: ['04.2', '04.4', '04.5', '04.7'],
    hint: '04.4',
    why: 'The second container could not start, because it wanted to make what the first one has made already. What belongs to one container must be in a directory of this container alone.',
    shows: (run) => /EEXIST/.test(run.stderr),
  },
  {
    slug: 'image-copied-for-each-container',
    checks: ['04.2'],
    line: copying,
    why: 'A copy of the image costs what unpacking it costs. There is no need for one: an overlay never writes into lowerdir, so that all containers can have the same.',
    shows: (run, finding) => isPerContainer(finding) && lineWith(run, copying) !== null,
  },
  {
    slug: 'image-unpacked-for-each-container',
    checks: ['04.2'],
    line: unpacking,
    why: 'The overlay is there, but under each container lies an image of its own: nothing is gained in time or space. The directory below can be the same for all, because none of them writes into it.',
    shows: (_run, finding) => isPerContainer(finding),
  },
  {
    slug: 'image-unpacked-again',
    checks: ['04.2'],
    line: unpacking,
    why: 'The image is unpacked at every start, in place of the files that other containers are reading at this moment. Nothing writes into it, so nothing in it can be old. Look first whether it is there.',
    shows: (_run, finding) => /made anew/.test(finding.actual),
  },
  {
    slug: 'unpacked-in-vain',
    checks: ['04.2'],
    line: unpacking,
    why: 'Whether the image is there already is found out at the end, by a rename that fails. By then the work has been done once more, for nothing. Look first, and unpack only what is missing.',
    shows: (_run, finding) => /did not use that/.test(finding.actual),
  },
  {
    slug: 'broken-archive-unnoticed',
    checks: ['04.3'],
    line: unpacking,
    why: 'The archive ended in the middle and the program went on as if it had been unpacked. Whoever unpacks says when it fails: by an exception, or by an exit status that must be looked at.',
    shows: (_run, finding) => /status 125/.test(finding.expected),
  },
  {
    slug: 'directory-means-complete',
    checks: ['04.3'],
    line: unpacking,
    why: 'The directory got its name before it was filled. Unpacking stopped in the middle, and every later start finds the directory there and takes it for the image. Something must appear only when all is done: a rename is such a step.',
    shows: (_run, finding) => /a whole image/.test(finding.expected),
  },
  {
    slug: 'upperdir-shared',
    checks: ['04.4'],
    why: 'Two containers write into the same upperdir: each sees what the other one does, and the kernel makes no promise about the result. It does not even refuse the second mount.',
    shows: (run, finding) =>
      /same one|of the first one|by the second one/.test(finding.actual) ? (overlayOf(run) ?? true) : false,
  },
  {
    slug: 'upperdir-in-the-image',
    checks: ['04.4', '04.5'],
    why: 'upperdir lies inside the directory of the image. So all that a container writes is in the image after all, and the next containers see it in their root.',
    shows: (run) => {
      const call = overlayOf(run);
      if (call === undefined) return false;
      const data = dataOf(call);
      return isBelow(layer(data, 'upperdir'), layer(data, 'lowerdir')) ? call : false;
    },
  },
  {
    slug: 'upperdir-elsewhere',
    checks: ['04.4'],
    why: "What the container has written is not in the folder of containers. A container's directory there is all that is kept of it; what lies elsewhere nobody finds or removes.",
    shows: (run, finding) => (/it is not there/.test(finding.actual) ? (overlayOf(run) ?? true) : false),
  },
  {
    slug: 'box-writes-into-the-image',
    checks: ['04.5'],
    line: /\b(write|append|copy|cp|symlink|link|mknod)\w*\(.*lower/i,
    why: 'It is box.ts itself, or a way past the overlay, that changes the image. What one container needs belongs into its own root: write below the directory on which the overlay is mounted.',
    shows: () => true,
  },
  {
    slug: 'mode-left-to-the-umask',
    checks: ['04.6'],
    man: 'umask(2)',
    line: /\bmkdir\w*\((?!containerDir|imageDir|path\.dirname)/,
    why: '`/` has the mode of upperdir, and a new directory has the mode that was asked for, less the bits of the umask. With a umask of 022 all is well; with 077 only root can enter. Set the mode afterwards (chmod).',
    shows: (_run, finding) => /where umask is 077/.test(finding.expected),
  },
  {
    slug: 'upperdir-for-root-only',
    checks: ['04.6'],
    line: /upper\w* = .*mkdtemp|\b(mkdtemp|chmod)\w*\(.*upper|\bmkdir\w*\(.*0o?7[0-4]/i,
    why: "The root of an overlay has the owner and mode of upperdir, not of the image. A directory that mkdtemp makes has the mode 0700, and the umask takes bits, too: then only root can enter the container's /.",
    shows: () => true,
  },
  {
    slug: 'no-nodev',
    checks: ['04.7'],
    why: 'root in a container can make a node for any device, such as the disk of the host. Whether a node opens the device is decided by the mount that it lies on; without a flag against it, it does.',
    shows: (run) => findCall(run, 'mount', ({ args, errno }) => errno === null && args[2] === '"overlay"') ?? true,
  },
];
