// Mutants of level 09 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'What was typed is looked at before anything is made, in whichever order.',
    mutants: [
      'swapped in run: const account = user === null ? null : accountOf(user); || const limits = memoryLimits(memory, memorySwap);',
    ],
  },
  {
    because: 'An image that was unpacked for nothing serves the next container.',
    mutants: [
      'swapped in run: const lowerdir = unpackOnce(imageDir, image); || const account = user === null ? null : accountOf(user);',
    ],
  },
  {
    because:
      'The child needs longer to become the command than the parent to write the limits: a race, which is lost too seldom to be seen.',
    mutants: [
      'swapped in run: const pid = linux.clone(() => contain(directory, lowerdir, cgroup… || try { if (cpuShares !== null) limitCpu(cgroups.cpu, cpuShares); i…',
    ],
  },
  {
    because: 'Where there is no uid, the number is NaN, which is not up to MAX_ID either.',
    mutants: ['dropped in accountOf: if (account.uid <= MAX_ID && account.gid <= MAX_ID)'],
  },
  {
    because: 'Done again, it changes nothing: the ids and the signal are what they were.',
    mutants: [
      'repeated in contain: linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);',
      'repeated in becomeUser: linux.setgroups([]);',
      'repeated in becomeUser: linux.setgid(gid);',
      'repeated in becomeUser: linux.setuid(uid);',
    ],
  },
  {
    because: 'Both need root, which is given up after them: in whichever order.',
    mutants: ['swapped in becomeUser: linux.setgid(gid); || linux.setgroups([]);'],
  },
];
