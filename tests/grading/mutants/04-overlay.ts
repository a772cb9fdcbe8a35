// Mutants of level 04 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing.',
    mutants: [
      'repeated in run: unpackOnce(imageDir, image)',
      'repeated in unpackOnce: fs.mkdirSync(path.dirname(lowerdir), { recursive: true });',
      'repeated in unpackOnce: fs.chmodSync(unfinished, 0o755);',
      "repeated in mountRoot: ['upper', 'work', 'root'].map((name) => path.join(directory, name))",
      'repeated in mountRoot: fs.chmodSync(upperdir!, 0o755);',
    ],
  },
  {
    because: 'These steps do not need one another: any order will do.',
    mutants: [
      'swapped in run: fs.mkdirSync(containerDir, { recursive: true }); || const lowerdir = unpackOnce(imageDir, image);',
      'swapped in unpackOnce: const archive = path.join(imageDir, `${image}.tar`); || if (fs.existsSync(lowerdir)) return lowerdir;',
      'exchanged in mountRoot: [workdir!, upperdir!, root!]',
      'exchanged in mountRoot: [upperdir!, root!, workdir!]',
      'swapped in mountRoot: const data = `lowerdir=${lowerdir},upperdir=${upperdir},workdir=$… || fs.chmodSync(upperdir!, 0o755);',
    ],
  },
  {
    because: 'Level 01 asks for a folder of containers that is not there yet. The levels after it do not ask again.',
    mutants: [
      "swapped in run: const directory = fs.mkdtempSync(path.join(containerDir, 'box-')); || fs.mkdirSync(containerDir, { recursive: true });",
    ],
  },
  {
    because: 'An empty directory more, beside those that stay anyway: nobody has been promised that there is none.',
    mutants: [
      "repeated in run: fs.mkdtempSync(path.join(containerDir, 'box-'))",
      "swapped in run: const pid = linux.fork(); || const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));",
      'repeated in unpackOnce: fs.mkdtempSync(`${lowerdir}-`)',
      'swapped in unpackOnce: fs.mkdirSync(path.dirname(lowerdir), { recursive: true }); || if (!fs.existsSync(archive)) throw new Error(`there is no image "…',
    ],
  },
  {
    because: 'How these directories are called is for nobody to say.',
    mutants: [
      'argument in unpackOnce: path.join(imageDir, image, image)',
      "constant in unpackOnce: path.join(imageDir, image, '')",
      'constant in unpackOnce: fs.mkdtempSync(`${lowerdir}`)',
      "exchanged in mountRoot: const [upperdir, root, workdir] = ['upper', 'work', 'root'].map((name) => path.join(directory, name));",
      "exchanged in mountRoot: const [workdir, upperdir, root] = ['upper', 'work', 'root'].map((name) => path.join(directory, name));",
      "exchanged in mountRoot: ['work', 'upper', 'root'].map((name) => path.join(directory, name))",
      "exchanged in mountRoot: ['upper', 'root', 'work'].map((name) => path.join(directory, name))",
    ],
  },
  {
    because: 'The package tar says as well that there is no such file, and names it.',
    mutants: [
      'removed in unpackOnce: if (!fs.existsSync(archive)) throw new Error(`there is no image "${image}" in ${imageDir}`);',
      'condition in unpackOnce: false in place of !fs.existsSync(archive)',
    ],
  },
  {
    because: 'Of a directory that is in two layers overlay shows the mode of the upper one, and reads it as root.',
    mutants: [
      'removed in unpackOnce: fs.chmodSync(unfinished, 0o755);',
      'swapped in unpackOnce: tar.extract({ file: archive, cwd: unfinished, sync: true, preserv… || fs.chmodSync(unfinished, 0o755);',
      'constant in unpackOnce: fs.chmodSync(unfinished, 0o700)',
    ],
  },
  {
    because:
      'This is reached only by a runtime that unpacks at the same moment as another one, and is slower. No check starts two at that moment: one more run would be too long to wait for.',
    mutants: [
      'removed in unpackOnce: if (!fs.existsSync(lowerdir)) throw error;',
      'returned in unpackOnce: before if (!fs.existsSync(lowerdir)) throw error;',
      'swapped in unpackOnce: fs.rmSync(unfinished, { recursive: true }); || if (!fs.existsSync(lowerdir)) throw error;',
      'condition in unpackOnce: true in place of !fs.existsSync(lowerdir)',
      'condition in unpackOnce: false in place of !fs.existsSync(lowerdir)',
      'removed in unpackOnce: fs.rmSync(unfinished, { recursive: true });',
      'returned in unpackOnce: before fs.rmSync(unfinished, { recursive: true });',
      'repeated in unpackOnce: fs.rmSync(unfinished, { recursive: true });',
      'argument in unpackOnce: fs.rmSync({ recursive: true }, { recursive: true })',
      'argument in unpackOnce: fs.rmSync(unfinished, unfinished)',
      'constant in unpackOnce: recursive: false #2',
    ],
  },
  {
    because: 'A second overlay of the same layers covers the first, and is the one that counts.',
    mutants: ["repeated in mountRoot: linux.mount('overlay', root!, 'overlay', linux.MS_NODEV, data);"],
  },
  {
    because: 'A filesystem of the kernel has no source: what is given as one is only shown in the mount table.',
    mutants: [
      "constant in mountRoot: linux.mount('', root!, 'overlay', linux.MS_NODEV, data)",
      "argument in mountRoot: linux.mount(root!, root!, 'overlay', linux.MS_NODEV, data)",
    ],
  },
];
