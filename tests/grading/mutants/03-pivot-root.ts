// Mutants of level 03 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing: the second mount lies on the first, and goes with it.',
    mutants: [
      'repeated in contain: linux.mount(root, root, null, linux.MS_BIND);',
      "repeated in enterRoot: process.chdir('/');",
    ],
  },
  {
    because: 'A bind mount has no type: what is given as one is not looked at.',
    mutants: ['argument in contain: linux.mount(root, root, root, linux.MS_BIND)'],
  },
  {
    because: 'pivot_root(2) takes along whoever stands in the old root itself: from its / into the new one.',
    mutants: ["swapped in enterRoot: process.chdir('/'); || linux.pivot_root(root, putOld);"],
  },
  {
    because: 'Both paths begin at the new root, and MNT_DETACH lets go also while somebody stands there.',
    mutants: ["swapped in enterRoot: linux.umount2('/.old_root', linux.MNT_DETACH); || process.chdir('/');"],
  },
];
