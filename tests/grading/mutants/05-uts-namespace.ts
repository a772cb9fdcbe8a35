// Mutants of level 05 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'The second pair of namespaces is a copy of the first, in which nobody is left.',
    mutants: ['repeated in contain: linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS);'],
  },
  {
    because: 'The same name again changes nothing.',
    mutants: ['repeated in contain: linux.sethostname(path.basename(directory));'],
  },
  {
    because: 'The hostname has nothing to do with mounts: any order will do once the namespaces are there.',
    mutants: [
      "swapped in contain: linux.sethostname(path.basename(directory)); || linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);",
      'swapped in contain: const root = mountRoot(directory, lowerdir); || linux.sethostname(path.basename(directory));',
    ],
  },
];
