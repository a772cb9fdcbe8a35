// What must be true of level 04.
import { grade } from '#grading';
import type { FoundFile, Tree } from '#grading/files';
import { type Finding, findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { differences, imageFiles, smallArchive } from '#grading/image';
import { optionOf } from '#grading/inside';
import { misconceptions } from '#grading/misconceptions/04-overlay';
import type { Mount } from '#grading/processes';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { companion, said, tour, written, writtenFile } from '#grading/tour';
import { dataDirectory } from '../../workshop/paths.ts';

const { randomWord } = choices('04-overlay');
const { scenario, check, earlier } = grade('04-overlay', misconceptions);

const first = scenario(tour);
const second = scenario(companion);

/** An image of its own, whose archive ends within a file at first, and is whole later. */
const broken = `broken-${randomWord()}`;
const archive = `${dataDirectory()}/images/${broken}.tar`;
const small = earlier ? null : smallArchive();
const mendedWord = `hold-${randomWord()}`;
const startOfBroken: Scenario = {
  host: 'mishaps',
  args: ['-i', broken, '/bin/true'],
  files: { [archive]: { text: small?.cut ?? '', mode: 0o644 } },
  reproduce: '-i half true',
};
const startOfMended: Scenario = {
  host: 'mishaps',
  args: ['-i', broken, '/bin/sh', '-c', holdStill(mendedWord)],
  holdWord: mendedWord,
  files: { [archive]: { text: small?.whole ?? '', mode: 0o644 } },
  reproduce: '-i half true',
};
const brokenRun = scenario(startOfBroken, tour);
const mendedRun = scenario(startOfMended, tour);

/** The mount that is the command's `/`. */
function rootOf(run: Run): Mount | undefined {
  return run.during?.commands[0]?.mounts.findLast(({ mountPoint }) => mountPoint === '/');
}

/** Its lower directories, as its mount has them. */
function lowerdirOf(run: Run): string | null | undefined {
  const root = rootOf(run);
  return root && optionOf(root, 'lowerdir');
}

/** The call that mounted the layers. */
function overlayCall(run: Run): Run['trace'][number] | undefined {
  return findCall(run, 'mount', ({ args }) => /overlay/.test(args[2] ?? '')) ?? findCall(run, 'mount');
}

function layersOf(run: Run): string[] {
  const root = rootOf(run);
  if (root === undefined) return [];
  return ['lowerdir', 'upperdir', 'workdir']
    .map((name) => `${name}=${optionOf(root, name) ?? '(none)'}`)
    .filter((layer) => !layer.startsWith('workdir'));
}

function layersOfBoth(run: Run): string[] {
  return [
    ...layersOf(first.run!).map((layer) => `first:  ${layer}`),
    ...layersOf(run).map((layer) => `second: ${layer}`),
  ];
}

/** What lies in the folder of containers because of the second container alone. */
function ofSecond(): FoundFile[] {
  const before = new Set(first.run!.during!.containers.map(({ path, inode }) => `${inode} ${path}`));
  return second.run!.during!.containers.filter(({ path, inode }) => !before.has(`${inode} ${path}`));
}

/** Why there is nothing to be seen of the second container, where that is so. */
function secondIsMissing(): Finding | undefined {
  const run = second.run;
  if (run?.during?.image != null) return undefined;
  return {
    expected: 'a second container that starts while the first one runs, from the same image',
    actual: run === undefined ? 'the first one never ran' : `its command never ran: ${showEnd(run)}`,
    evidence: showCalls(run?.trace.filter(failed) ?? []),
    at: run?.trace.find(failed),
  };
}

function failed({ errno }: Run['trace'][number]): boolean {
  return errno !== null;
}

check('04.1', 'its / is an overlay, and the lowest layer is the image, whole', {
  of: first,
  why: 'A container needs a root that it can change, and the image is the same for all of them. An overlay gives both: it shows the image, and puts every change into another directory.',
  man: 'mount(2)',
  holds(run) {
    const expected = "an overlay as the command's /, with the directory of the unpacked image as lowerdir";
    const root = rootOf(run);
    const mounts = run.trace.filter(({ call, args }) => call === 'mount' && /overlay/.test(args[2] ?? ''));
    if (root === undefined) {
      return {
        expected,
        actual: `the command never ran: ${showEnd(run)}`,
        evidence: showCalls(mounts),
        at: run.trace.find(failed) ?? mounts[0],
      };
    }
    if (root.type !== 'overlay' || run.during!.image === null) {
      return {
        expected,
        actual: `its / is ${root.root === '/' ? 'a filesystem' : `the directory ${root.root}`} of type ${root.type}`,
        evidence: [`/proc/${run.during!.commands[0]!.innerPid}/mountinfo: ${root.type} on /`, ...showCalls(mounts)],
        at: mounts[0] ?? findCall(run, ['pivot_root', 'chroot', 'mount']),
      };
    }
    const lacking = differences(run.during!.image);
    if (lacking.length > 0) {
      return {
        expected: `the ${imageFiles().length} files of the image in the lowest layer, each as in the archive`,
        actual: `${lacking.length} are not there, or are something else`,
        evidence: [
          `lowerdir=${optionOf(root, 'lowerdir')}`,
          ...lacking
            .slice(0, 3)
            .map(({ wanted, found }) => `${describe(wanted)}: ${found === undefined ? 'missing' : describe(found)}`),
        ],
        at: mounts[0],
      };
    }
    const temporary = run.during!.image.files.find(({ path }) => path === 'tmp');
    if (temporary?.mode !== 0o1777) {
      return {
        expected: '/tmp with the mode 1777, as in the image: everybody may write into it',
        actual: `its mode is ${temporary?.mode.toString(8)}`,
      };
    }
    const devices = run.during!.image.files.filter(({ type }) => type.endsWith('device'));
    if (devices.length === 0) return undefined;
    return {
      expected: 'no device node in the unpacked image',
      actual: `${devices.length} were taken from the archive`,
      evidence: devices.map(({ path }) => `device ${path}`),
    };
  },
});

function describe({ path, type, target }: Pick<FoundFile, 'path' | 'type' | 'target'>): string {
  return `${type} ${path}${target === null ? '' : ` -> ${target}`}`;
}

check('04.2', 'the image is unpacked once, for all containers', {
  of: second,
  needs: ['04.1'],
  shownBy:
    'cd $BOXWRIGHT_HOME; for run in first second; do box run true; ls -di images/*/* containers/*; done; du -sh images/* containers/*',
  why: 'The image is what costs time and space, and all containers only read it. Unpacked once, it serves any number of them.',
  man: 'stat(2)',
  holds(run) {
    const missing = secondIsMissing();
    if (missing !== undefined) return missing;
    const expected = 'that the second container uses the files that were unpacked for the first one';
    const known = new Map(first.run!.during!.image!.files.map(({ path, inode }) => [path, inode]));
    const anew = run.during!.image!.files.filter(({ path, inode }) => known.has(path) && known.get(path) !== inode);
    if (anew.length > 0) {
      const bytes = anew.reduce((sum, file) => sum + file.bytes, 0);
      const [before, after] = [first.run!, run].map(lowerdirOf);
      return {
        expected,
        actual: `${anew.length} files of the image were made anew for it, ${bytes} bytes`,
        evidence: [`first:  lowerdir=${before}`, `second: lowerdir=${after}`],
      };
    }
    const names = new Set(run.during!.image!.files.filter(({ type }) => type !== 'directory').map(({ path }) => path));
    const size = run.during!.image!.files.reduce((sum, file) => sum + file.bytes, 0);
    const written = run.during!.written;
    const copies = ofSecond().filter(({ path }) =>
      path.split('/').some((_name, index, parts) => names.has(parts.slice(index).join('/'))),
    );
    // A few may be there because the command has written to them.
    if (copies.length <= 10) {
      if (written < size / 10) return undefined;
      return {
        expected,
        actual: 'box.ts unpacked it again for the second one, and did not use that',
        evidence: [`the image has ${size} bytes`, `/proc/PID/io of the second box.ts: ${written} bytes written`],
      };
    }
    return {
      expected,
      actual: `its own directory holds ${copies.length} files of the image, too`,
      evidence: copies.slice(0, 3).map(describe),
    };
  },
});

check('04.3', 'an image is used only when it is complete', {
  of: mendedRun,
  and: [brokenRun],
  needs: ['04.1'],
  alone: true,
  shownBy:
    'cd $BOXWRIGHT_HOME/images; head -c 1M busybox.tar > half.tar; box run -i half true; cp busybox.tar half.tar; box run -i half true',
  why: 'Unpacking can stop in the middle: the archive is cut off, the disk is full, somebody presses Ctrl-C. What is there then has the name of an image and is none.',
  man: 'rename(2)',
  holds(run) {
    const before = brokenRun.run!;
    if (before.exitCode !== 125) {
      return {
        expected: 'status 125 where the archive ends in the middle of a file, for box.ts itself has failed',
        actual: showEnd(before),
        evidence: showStderr(before),
      };
    }
    const expected = 'a whole image, once the archive has been put right';
    const left = before.images
      .filter(({ type, path }) => type === 'directory' && path.split('/').length <= 3)
      .slice(0, 3)
      .map(({ path }) => `left by the start that failed: images/${path}`);
    if (run.during?.image == null) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: left };
    }
    const { files } = small!;
    const lacking = differences(run.during.image, files);
    if (lacking.length === 0) return undefined;
    return {
      expected,
      actual: `the container has an image in which ${lacking.length} of ${files.length} files are missing`,
      evidence: [...left, `lowerdir=${lowerdirOf(run)}`],
    };
  },
});

check('04.4', 'what a container writes is in an upperdir of its own', {
  of: second,
  needs: ['04.1'],
  shownBy: 'box run touch /one; box run ls /; find $BOXWRIGHT_HOME/containers -name one',
  why: 'All that a container creates, changes and deletes is kept in its upperdir. If it is its own, below the folder of containers, then nobody else sees it.',
  man: 'mount(2)',
  holds(run) {
    const at = overlayCall(first.run!);
    const file = first.run!.during!.containers.find(({ path }) => `/${path}`.endsWith(writtenFile));
    if (file === undefined) {
      return {
        expected: `the file ${writtenFile}, which the command wrote, below the folder of containers`,
        actual: 'it is not there',
        evidence: layersOf(first.run!),
        at,
      };
    }
    const missing = secondIsMissing();
    if (missing !== undefined) return missing;
    const read = said(run, 'other file') ?? '';
    if (read.includes(written)) {
      return {
        expected: 'that a container does not see what another one has written',
        actual: `the second container read ${writtenFile} of the first one`,
        evidence: [...layersOfBoth(run)],
        at,
      };
    }
    const changed = ofSecond().find(({ path }) => path.endsWith('/etc/passwd'));
    if (changed === undefined) {
      return {
        expected: '/etc/passwd, which the second container changed, below the folder of containers',
        actual: said(run, 'change') === null ? 'its command did not come to change it' : 'it is not there',
        evidence: layersOf(run),
        at,
      };
    }
    const afterwards = said(first.run!, 'afterwards');
    if (afterwards === null) {
      return {
        expected: 'a first container that goes on when the second one has ended',
        actual: `it did not come to look around again: ${showEnd(first.run!)}`,
        evidence: showStderr(first.run!),
      };
    }
    const whole = [written, '/etc/passwd', '/usr/bin/wc'].every((word) => afterwards.split(' ').includes(word));
    const shared = changed.path.slice(0, -'/etc/passwd'.length) === file.path.slice(0, -writtenFile.length);
    if (whole && !shared) return undefined;
    return {
      expected: 'an upperdir for each container, with what this one has changed and nothing else',
      actual: shared ? 'both containers write into the same one' : 'the first container was changed by the second one',
      evidence: [...layersOfBoth(run), ...(whole ? [] : [`the first one saw: ${afterwards}`])],
      at,
    };
  },
});

check('04.5', 'nothing changes the image', {
  of: second,
  needs: ['04.1'],
  shownBy:
    'box run sh -c "rm -r /home; echo new > /etc/passwd"; ls $BOXWRIGHT_HOME/images/busybox/* $BOXWRIGHT_HOME/images/busybox/rootfs/etc',
  why: 'All containers are made of the same image. Who writes into it writes into every container that runs, and every one to come.',
  man: 'mount(2)',
  holds(run) {
    const { during, imageAfter } = first.run!;
    const image = during!.image!;
    const expected = 'the image as it was in the archive, before and after two containers have run';
    const at = overlayCall(first.run!);
    const known = new Set(imageFiles().map(({ path }) => path));
    // An empty directory may be needed to mount something on.
    const added = image.files.filter(
      ({ path, type }) =>
        !known.has(path) && (type !== 'directory' || image.files.some((other) => other.path.startsWith(`${path}/`))),
    );
    if (added.length > 0) {
      return {
        expected,
        actual: `it holds what is not in the archive: ${added[0]!.path}`,
        evidence: [...layersOf(first.run!), ...added.slice(0, 3).map(describe)],
        at,
      };
    }
    // One in another place is not this image: 04.2 is about that.
    const meanwhile = lowerdirOf(run) === lowerdirOf(first.run!) ? run.during?.image : null;
    const later = [meanwhile, imageAfter].find((tree) => tree != null && tree.digest !== image.digest);
    if (later == null) {
      return imageAfter === null
        ? { expected, actual: 'afterwards it is not there', evidence: layersOf(first.run!), at }
        : undefined;
    }
    const changes = changesBetween(image, later);
    return {
      expected,
      actual: `${changes.length} of its files are others now`,
      evidence: [...layersOf(first.run!), ...changes.slice(0, 3)],
      at,
    };
  },
});

/** What is new, gone or changed, one line each. */
function changesBetween(old: Tree, later: Tree): string[] {
  const now = new Map(later.files.map((file) => [file.path, file]));
  const before = new Map(old.files.map((file) => [file.path, file]));
  const gone = old.files.filter(({ path }) => !now.has(path)).map(({ path }) => `gone: ${path}`);
  const others = later.files.flatMap((file) => {
    const was = before.get(file.path);
    if (was === undefined) return [`new: ${file.path}`];
    const same = describe(was) === describe(file) && was.mode === file.mode;
    return same && old.contents[file.path] === later.contents[file.path] ? [] : [`changed: ${file.path}`];
  });
  return [...gone, ...others];
}

check('04.6', 'every user may enter its /', {
  of: first,
  and: [second],
  needs: ['04.1'],
  shownBy: 'umask 077; box run ls -ld /',
  why: 'Programs in a container often run as another user than root. Whoever may not enter / finds no file at all.',
  man: 'inode(7)',
  holds(run) {
    return (
      closedRoot(run, '') ??
      (second.run?.during == null ? undefined : closedRoot(second.run, ', also where umask is 077'))
    );
  },
});

/** What is wrong with the mode of the command's `/`, where not everybody may enter it. */
function closedRoot(run: Run, where: string): Finding | undefined {
  const mode = run.during!.inside?.rootMode ?? 0o755;
  if ((mode & 0o555) === 0o555) return undefined;
  return {
    expected: `a / that everybody may read and enter: mode 0755${where}`,
    actual: `its mode is 0${mode.toString(8)}`,
    evidence: layersOf(run),
    at: overlayCall(run),
    seenIn: run,
  };
}

check('04.7', 'device nodes in it do not open', {
  of: second,
  needs: ['04.1'],
  shownBy: 'box run sh -c "mknod /null c 1 3; echo x > /null && echo opened"',
  why: 'A device node is a door to the hardware of the host, and root in the container can make any. On a mount without devices it is only a name.',
  man: 'mount(2)',
  holds(run) {
    const missing = secondIsMissing();
    if (missing !== undefined) return missing;
    const tried = said(run, 'device');
    const expected = 'that a device node which the command makes (mknod) cannot be opened';
    if (tried === null) return { expected, actual: 'the command did not come to try it' };
    if (!tried.includes('opened')) return undefined;
    return {
      expected,
      actual: 'the command opened one, and wrote to it',
      evidence: [`mount options of /: ${rootOf(run)!.options.join(',')}`],
      at: overlayCall(run),
    };
  },
});
