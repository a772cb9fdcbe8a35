// Mutants of level 07 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing.',
    mutants: [
      "repeated in makeCgroup: findController('cpu')",
      'repeated in makeCgroup: fs.mkdirSync(parent, { recursive: true });',
      "repeated in contain: fs.writeFileSync(path.join(cgroup, 'cgroup.procs'), '0');",
      'repeated in contain: linux.unshare(linux.CLONE_NEWCGROUP);',
    ],
  },
  {
    because: 'These steps do not need one another: any order will do.',
    mutants: [
      'swapped in makeCgroup: const cgroup = path.join(parent, id); || if (version === 2) { for (const above of [mountPoint, parent]) fs…',
      "swapped in contain: fs.writeFileSync(path.join(cgroup, 'cgroup.procs'), '0'); || linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);",
      "swapped in contain: linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC); || linux.unshare(linux.CLONE_NEWCGROUP);",
    ],
  },
  {
    because: 'On v1 every cgroup has its controller, so nothing is handed down there, wherever the parent is.',
    wrongWith: 'v2',
    mutants: [
      'argument in makeCgroup: path.join(mountPoint, mountPoint)',
      'swapped in makeCgroup: if (version === 2) { for (const above of [mountPoint, parent]) fs… || fs.mkdirSync(parent, { recursive: true });',
      'condition in makeCgroup: false in place of version === 2',
      'constant in makeCgroup: if (version === 3)',
    ],
  },
  {
    because: 'On v1 the condition is true anyway.',
    wrongWith: 'v2',
    mutants: ['condition in makeCgroup: true in place of version === 1'],
  },
];
