// Mutants of level 02 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing: what comes second is a copy, or covers what came first.',
    mutants: [
      'repeated in contain: linux.unshare(linux.CLONE_NEWNS);',
      "repeated in contain: linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);",
      "repeated in mountFilesystems: linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);",
      "repeated in mountFilesystems: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');",
      "repeated in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620', );",
      'repeated in makeDevices: linux.umask(umask);',
    ],
  },
  {
    because: 'Where mount only changes how mounts are shared, it looks at target and flags alone: see mount(2).',
    mutants: [
      "constant in contain: linux.mount('', '/', null, linux.MS_PRIVATE | linux.MS_REC)",
      "argument in contain: linux.mount('none', '/', '/', linux.MS_PRIVATE | linux.MS_REC)",
    ],
  },
  {
    because: 'A filesystem of the kernel has no source: what is given as one is only shown in the mount table.',
    mutants: [
      "argument in mountFilesystems: linux.mount(`${root}/proc`, `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)",
      "constant in mountFilesystems: linux.mount('', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)",
      "argument in mountFilesystems: linux.mount(`${root}/sys`, `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)",
      "constant in mountFilesystems: linux.mount('', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)",
      "argument in mountFilesystems: linux.mount(`${root}/dev`, `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755')",
      "constant in mountFilesystems: linux.mount('', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755')",
      "argument in makeDevices: linux.mount( `${dev}/pts`, `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620', )",
      "constant in makeDevices: linux.mount( '', `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620', )",
    ],
  },
  {
    because: 'No program and no device lies on these filesystems: the flags say aloud what holds anyway.',
    mutants: [
      "dropped in mountFilesystems: linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NODEV | linux.MS_NOEXEC)",
      "dropped in mountFilesystems: linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NOEXEC)",
      "dropped in mountFilesystems: linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV)",
      "dropped in mountFilesystems: linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NODEV | linux.MS_NOEXEC)",
      "dropped in mountFilesystems: linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NOEXEC)",
      "dropped in mountFilesystems: linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV)",
      "dropped in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620', )",
      "dropped in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID, 'newinstance,ptmxmode=0666,mode=620', )",
    ],
  },
  {
    because: 'These do not lie in one another, and do not depend on the umask: any order will do.',
    mutants: [
      "swapped in mountFilesystems: linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | li… || linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | lin…",
      "swapped in mountFilesystems: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mo… || linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | li…",
      "swapped in makeDevices: fs.symlinkSync('/proc/self/fd', `${dev}/fd`); || linux.umask(umask);",
      "swapped in makeDevices: fs.symlinkSync('/proc/self/fd/0', `${dev}/stdin`); || fs.symlinkSync('/proc/self/fd', `${dev}/fd`);",
      "swapped in makeDevices: fs.symlinkSync('/proc/self/fd/1', `${dev}/stdout`); || fs.symlinkSync('/proc/self/fd/0', `${dev}/stdin`);",
      "swapped in makeDevices: fs.symlinkSync('/proc/self/fd/2', `${dev}/stderr`); || fs.symlinkSync('/proc/self/fd/1', `${dev}/stdout`);",
      "swapped in makeDevices: fs.mkdirSync(`${dev}/pts`); || fs.symlinkSync('/proc/self/fd/2', `${dev}/stderr`);",
      "swapped in makeDevices: fs.symlinkSync('pts/ptmx', `${dev}/ptmx`); || linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID | …",
    ],
  },
  {
    because:
      'A /dev like /tmp, where everybody may make files and nobody removes those of others, is less tidy, but works.',
    mutants: ["constant in mountFilesystems: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, '')"],
  },
  {
    because: 'The umask takes only the right to execute, which no device has.',
    mutants: ['constant in makeDevices: linux.umask(1)'],
  },
  {
    because: 'Each mount of a devpts is a new instance since Linux 4.7: the option is for older kernels.',
    mutants: [
      "constant in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'ptmxmode=0666,mode=620', )",
    ],
  },
  {
    because: 'Whether others of the group may write to a terminal is a matter of taste, as with mesg(1).',
    mutants: [
      "constant in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666', )",
      "constant in makeDevices: linux.mount( 'devpts', `${dev}/pts`, 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=600', )",
    ],
  },
];
