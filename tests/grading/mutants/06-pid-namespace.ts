// Mutants of level 06 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'The same request again changes nothing.',
    mutants: ['repeated in contain: linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);'],
  },
  {
    because: 'The runtime is only killed once the command runs: a request made one call later is as good.',
    mutants: [
      "swapped in contain: linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC); || linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);",
    ],
  },
];
