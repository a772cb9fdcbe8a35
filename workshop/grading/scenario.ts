// What a grader runs, and when it looks.
import type { HostNetwork } from './network.ts';
import type { OrdinaryUser } from './ordinary-user.ts';
import type { Snapshot } from './run.ts';
import type { Testbed } from './testbed.ts';

/** One run of a box.ts, and what is done to it. */
export type Scenario = {
  /** The words after `run`. */
  args: readonly string[];
  /**
   * All words after box.ts, in place of `run`, `limits` and `args`; asked for when it is run, for they may be about what
   * an earlier run on this host has made.
   */
  words?: () => readonly string[];
  /** The umask that box.ts is started with, in octal digits; that of the testbed where none is named. */
  umask?: string;
  /** Words before them that ask for limits. A bonus level may leave them out: see departures.ts. */
  limits?: readonly string[];
  /** What a student types after `box -- level-NN run` to see the same; with `words`, after `box -- level-NN`. */
  reproduce: string;
  /** What was run, in words for a student, where nobody would want to read it. */
  tried?: string;
  /**
   * The testbed that it runs in: those of one name run on the same host, one after the other, in the order in which
   * graders ask for them. A host of its own where none is named.
   */
  host?: string;
  /** The command prints this word and then reads a line: it is looked at in between. See `holdStill`. */
  holdWord?: string;
  /**
   * What happens while the command holds still, after the first look: another run on the same host, from its start to
   * its end; or a SIGKILL, from the host, for the command or for box.ts itself; or a measurement of how much CPU time
   * the processes of this run take and how much those take that were there before; or anything else.
   */
  meanwhile?:
    | Scenario
    | 'kill-command'
    | 'kill-runtime'
    | 'measure-cpu'
    | ((testbed: Testbed, seen: Snapshot) => Promise<void>);
  /**
   * For a container that goes on when box.ts has ended: the last argument of a program that its command starts when all
   * else is done. It is waited for, and looked at. What is left of such a run stays for those that follow on this host.
   */
  staysWith?: string;
  /** What happens on the host before it. */
  first?: (testbed: Testbed) => Promise<void>;
  /** What happens on the host when box.ts has ended, before it is looked at what is left. */
  last?: (testbed: Testbed) => Promise<void>;
  /** Gives box.ts a terminal of that size. Its settings before and behind are printed as `terminal: …`. */
  terminal?: { rows: number; columns: number };
  /** How many more of the same are started at the same moment, and hold still together with it. */
  crowd?: number;
  /** Whether all of it stays on one CPU, always the same one, for which its processes then compete. */
  oneCpu?: boolean;
  /** Of the CPU time that is measured, own to others: what it should at least and at most be. */
  cpuRatio?: readonly [number, number];
  /** The exit status of the command, where it ends by itself. */
  exits?: number;
  /** Who starts box.ts; root where nobody is named. Decided when it runs, for the file must be theirs to read. */
  startedBy?: (file: string) => OrdinaryUser;
  /** Supplementary groups that box.ts is started with. */
  groups?: readonly number[];
  /** What there is to the host's network, for runs that are about it: see network.ts. Otherwise it has none. */
  network?: HostNetwork;
  /** Capabilities that box.ts is started with as inheritable and ambient ones, by setpriv's names: `net_raw`. */
  inherits?: readonly string[];
  /** Files of the testbed's host, by path, made before the run. */
  files?: Readonly<Record<string, { text: string | Uint8Array; mode: number }>>;
  /** Folders that stand first in PATH. */
  path?: readonly string[];
  /** Seconds of computing or of doing nothing after which it is ended, where the usual ten are not meant. */
  limit?: number;
};

/** A shell script that runs `before`, then holds still to be looked at, and goes on with `after` once that is done. */
export function holdStill(holdWord: string, before = '', after = ''): string {
  return [before, `echo ${holdWord}`, 'read -r _', after].filter((step) => step !== '').join('\n');
}
