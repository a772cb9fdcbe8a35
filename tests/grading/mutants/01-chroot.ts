// Mutants of level 01 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing.',
    mutants: [
      'repeated in run: fs.mkdirSync(containerDir, { recursive: true });',
      "repeated in run: path.join(fs.mkdtempSync(path.join(containerDir, 'box-')), 'rootfs')",
      'repeated in run: unpack(archive, root);',
      'repeated in unpack: fs.mkdirSync(root, { recursive: true });',
      "repeated in unpack: tar.extract({ file: archive, cwd: root, sync: true, preservePaths: true, chmod: true, filter: (_path, entry) => !('type' in entry && entry.…",
      "repeated in contain: process.chdir('/');",
    ],
  },
  {
    because: 'A second filesystem of the kind covers the first, and is the one that counts.',
    mutants: [
      "repeated in contain: linux.mount('proc', `${root}/proc`, 'proc');",
      "repeated in contain: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');",
    ],
  },
  {
    because: 'The call before it never returns: what follows is not reached.',
    mutants: ['repeated in contain: become(command);'],
  },
  {
    because: 'The folder of all containers is no container: it may be made although there is no image.',
    mutants: [
      'swapped in run: fs.mkdirSync(containerDir, { recursive: true }); || if (!fs.existsSync(archive)) throw new Error(`there is no image "…',
    ],
  },
  {
    because: 'How the directory within the directory of the container is called is for nobody to say.',
    mutants: [
      "argument in run: path.join(fs.mkdtempSync(path.join(containerDir, 'box-')), fs.mkdtempSync(path.join(containerDir, 'box-')))",
      "constant in run: path.join(fs.mkdtempSync(path.join(containerDir, 'box-')), '')",
    ],
  },
  {
    because:
      'Both processes unpack the same files into the same place: more work, and when one meets the other is luck.',
    mutants: ['swapped in run: const pid = linux.fork(); || unpack(archive, root);'],
  },
  {
    because: 'The directory above it is there at this point.',
    mutants: ['constant in unpack: recursive: false'],
  },
  {
    because:
      'The package tar makes no device nodes by itself, and an entry always has a type: the filter says it aloud.',
    mutants: [
      "exchanged in unpack: tar.extract({ file: archive, cwd: root, sync: true, preservePaths: true, chmod: (_path, entry) => !('type' in entry && entry.type.endsWith(…",
      'removed in unpack: { file: archive, cwd: root, sync: true, preservePaths: true, chmod: true, }',
      "dropped in unpack: filter: (_path, entry) => !(entry.type.endsWith('Device'))",
      "constant in unpack: filter: (_path, entry) => !('' in entry && entry.type.endsWith('Device'))",
    ],
  },
  {
    because: 'These three mounts do not lie in one another: any order will do.',
    mutants: [
      "swapped in contain: linux.mount('sysfs', `${root}/sys`, 'sysfs'); || linux.mount('proc', `${root}/proc`, 'proc');",
      "swapped in contain: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mo… || linux.mount('sysfs', `${root}/sys`, 'sysfs');",
    ],
  },
  {
    because: 'A filesystem of the kernel has no source: what is given as one is only shown in the mount table.',
    mutants: [
      "argument in contain: linux.mount(`${root}/proc`, `${root}/proc`, 'proc')",
      "constant in contain: linux.mount('', `${root}/proc`, 'proc')",
      "argument in contain: linux.mount(`${root}/sys`, `${root}/sys`, 'sysfs')",
      "constant in contain: linux.mount('', `${root}/sys`, 'sysfs')",
      "argument in contain: linux.mount(`${root}/dev`, `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755')",
      "constant in contain: linux.mount('', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755')",
    ],
  },
  {
    because: 'Everybody in this container is root, for whom the mode of /dev does not matter: level 02 asks for it.',
    mutants: [
      "constant in contain: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, '')",
      "constant in contain: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=700')",
    ],
  },
];
