// Mutants of level 00 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'The call before it never returns: what follows is not reached.',
    mutants: [
      'repeated in become: linux.execvp(command[0]!, command);',
      "repeated in become: linux._exit(error.code === 'ENOENT' ? 127 : 126);",
    ],
  },
  {
    because: 'The message comes twice: it must be there, its words are not the matter of a check.',
    mutants: ['repeated in become: console.error(`box.ts: ${error.message}`);'],
  },
  {
    because: 'A command that came over a command line can make execvp throw nothing but a LinuxError.',
    mutants: [
      'removed in become: if (!(error instanceof linux.LinuxError)) throw error;',
      'swapped in become: console.error(`box.ts: ${error.message}`); || if (!(error instanceof linux.LinuxError)) throw error;',
      'condition in become: false in place of !(error instanceof linux.LinuxError)',
    ],
  },
];
