// What the kernel says of a process, read from outside it. See proc(5).
import fs from 'node:fs';
import path from 'node:path';

/** A mount, as a process sees it. See proc_pid_mountinfo(5). */
export type Mount = {
  /** The filesystem's number: `0:53`. */
  device: string;
  /** The directory of its filesystem that is shown. */
  root: string;
  mountPoint: string;
  type: string;
  source: string;
  /** Of this mount: `rw`, `nodev`, … */
  options: string[];
  /** Of the filesystem: `lowerdir=…`, … */
  superOptions: string[];
  /** Whether it is shared with a peer group. */
  shared: boolean;
};

/** A process at one moment. */
export type ProcessFacts = {
  /** On the machine. */
  pid: number;
  /** In its own PID namespace. */
  innerPid: number;
  ppid: number;
  /** The number of its session. */
  session: number;
  /** R running, S and D sleeping, T stopped, Z zombie. */
  state: string;
  /** The program's file, as the testbed's host names it; empty for a zombie. */
  exe: string;
  argv: string[];
  /**
   * The directory that it calls `/`, and its working directory, as they are called from the root of their mount
   * namespace.
   */
  root: string;
  cwd: string;
  /** The same two as `device:inode`, which names a directory for good; empty where it cannot be had. */
  rootId: string;
  cwdId: string;
  /** Real, effective, saved and filesystem ids. */
  uids: number[];
  gids: number[];
  /** Supplementary groups. */
  groups: number[];
  /** The permission bits that it takes from each file that it makes. */
  umask: number;
  noNewPrivs: boolean;
  /** Capabilities that it has or could get back: effective, permitted, inheritable and ambient, as one set of bits. */
  capabilities: bigint;
  /** Each set of capabilities by itself, as bits. See capabilities(7). */
  capabilitySets: Record<CapabilitySet, bigint>;
  /** 0 without a filter of system calls, 2 with one. */
  seccomp: number;
  /** Its cgroup in each hierarchy, by controllers (v2: by an empty string), as the machine names it. */
  cgroups: Record<string, string>;
  /** Namespaces by kind: `mnt` → `mnt:[4026531841]`. */
  namespaces: Record<string, string>;
  mounts: Mount[];
  /** The system call that it sleeps in, by number; null where it is running or has ended. */
  sleepsIn: number | null;
  /** The signals that it catches, by number. */
  catches: number[];
};

/** The sets of capabilities, by the names that /proc/PID/status has for them. */
const capabilityFields = {
  effective: 'CapEff',
  permitted: 'CapPrm',
  inheritable: 'CapInh',
  ambient: 'CapAmb',
  bounding: 'CapBnd',
} as const;
export type CapabilitySet = keyof typeof capabilityFields;

/** wait4(2), which waitpid becomes. */
export const SYS_wait4 = process.arch === 'arm64' ? 260 : 61;

/** The process's facts; null where there is no such process any more. */
export function processFacts(pid: number): ProcessFacts | null {
  const status = readFile(`/proc/${pid}/status`);
  if (status === '') return null;
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const inner = field('NSpid').split(/\s+/).at(-1);
  const set = (name: CapabilitySet): bigint => BigInt(`0x${field(capabilityFields[name]) || '0'}`);
  return {
    pid,
    innerPid: Number(inner),
    ppid: Number(field('PPid')),
    session: Number(statFields(pid)[3]),
    state: field('State').slice(0, 1),
    exe: readLink(`/proc/${pid}/exe`),
    argv: argumentsOf(pid),
    root: readLink(`/proc/${pid}/root`),
    cwd: readLink(`/proc/${pid}/cwd`),
    rootId: fileId(`/proc/${pid}/root`),
    cwdId: fileId(`/proc/${pid}/cwd`),
    uids: numbers(field('Uid')),
    gids: numbers(field('Gid')),
    groups: numbers(field('Groups')),
    umask: Number.parseInt(field('Umask'), 8),
    noNewPrivs: field('NoNewPrivs') === '1',
    capabilities: set('effective') | set('permitted') | set('inheritable') | set('ambient'),
    capabilitySets: {
      effective: set('effective'),
      permitted: set('permitted'),
      inheritable: set('inheritable'),
      ambient: set('ambient'),
      bounding: set('bounding'),
    },
    seccomp: Number(field('Seccomp')),
    cgroups: cgroupsOf(pid),
    namespaces: namespacesOf(pid),
    mounts: mountsOf(pid),
    sleepsIn: sleepsIn(pid),
    catches: signalsOf(field('SigCgt')),
  };
}

/** Bytes that a process has written, to whatever; 0 where the kernel does not count that. See proc_pid_io(5). */
export function bytesWrittenBy(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readFile(`/proc/${pid}/io`))?.[1] ?? 0);
}

/** The words that its program was started with. */
export function argumentsOf(pid: number): string[] {
  return readFile(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);
}

/** The process's namespaces by kind: `mnt` → `mnt:[4026531841]`. */
export function namespacesOf(pid: number): Record<string, string> {
  return Object.fromEntries(
    readDirectory(`/proc/${pid}/ns`).map((kind) => [kind, readLink(`/proc/${pid}/ns/${kind}`)]),
  );
}

/** The mount table that the process sees. */
export function mountsOf(pid: number): Mount[] {
  return readFile(`/proc/${pid}/mountinfo`)
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , device = '', root = '', mountPoint = '', options = '', ...tags] = before.split(' ').map(unescape);
      const [type = '', source = '', superOptions = ''] = after.split(' ').map(unescape);
      const shared = tags.some((tag) => tag.startsWith('shared:'));
      return {
        device,
        root,
        mountPoint,
        type,
        source,
        options: options.split(','),
        superOptions: superOptions.split(','),
        shared,
      };
    });
}

/** R running or waiting for a CPU, S and D sleeping, T stopped, Z zombie; empty where there is no such process. */
export function processState(pid: number): string {
  return statFields(pid)[0]!;
}

/** The states of one that has ended. */
const ended = ['', 'Z', 'X'];

/** Whether it has not ended. */
export function isAlive(pid: number): boolean {
  return !ended.includes(processState(pid));
}

/** Whether it has ended, or does nothing by itself: it waits for something, or is stopped. */
export function isAtRest(pid: number): boolean {
  return [...ended, 'S', 'T'].includes(processState(pid));
}

/** When it started, in clock ticks since boot; with the pid it names a process for good. */
export function startTimeOf(pid: number): string {
  return statFields(pid)[19] ?? '';
}

/** What /proc/PID/stat has behind the program's name, from the state on. See proc_pid_stat(5). */
function statFields(pid: number): string[] {
  const stat = readFile(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The pids of a process in all PID namespaces that it is in, ours first. See proc_pid_status(5), NSpid. */
export function pidsOf(pid: number): number[] {
  return numbers(/^NSpid:\s*(.*)$/m.exec(readFile(`/proc/${pid}/status`))?.[1] ?? '');
}

/** The system call that it sleeps in, by number; null where it is running or has ended. See proc_pid_syscall(5). */
export function sleepsIn(pid: number): number | null {
  const number = /^(\d+) /.exec(readFile(`/proc/${pid}/syscall`))?.[1];
  return number === undefined ? null : Number(number);
}

/** Its cgroup in each hierarchy, as /proc/PID/cgroup lists them: `4:memory:/a/b`. See cgroups(7). */
export function cgroupsOf(pid: number | 'self'): Record<string, string> {
  const lines = readFile(`/proc/${pid}/cgroup`).matchAll(/^\d+:([^:]*):(.*)$/gm);
  return Object.fromEntries([...lines].map(([, controllers, path]) => [controllers!, path!]));
}

/** The CPU time that a process has used, in milliseconds, in steps of 10; 0 where there is none. See proc_pid_stat(5). */
export function cpuTimeOf(pid: number): number {
  const [utime, stime] = statFields(pid).slice(11, 13).map(Number);
  return ((utime ?? 0) + (stime ?? 0)) * 10;
}

/** A file as `device:inode`; empty where it cannot be looked at. */
export function fileId(file: string): string {
  try {
    const { dev, ino } = fs.statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return '';
  }
}

/** The children of a process, by pid. */
export function childrenOf(pid: number): number[] {
  return readFile(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
}

/** mountinfo writes a space as \040. */
function unescape(word: string): string {
  return word.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function numbers(words: string): number[] {
  return words.split(/\s+/).filter(Boolean).map(Number);
}

function signalsOf(mask: string): number[] {
  const bits = BigInt(`0x${mask || '0'}`);
  return Array.from({ length: 64 }, (_none, index) => index + 1).filter(
    (signal) => ((bits >> BigInt(signal - 1)) & 1n) === 1n,
  );
}

function readFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

function readDirectory(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** Whether this is the file of the node that runs box.ts. */
export function isNode(exe: string): boolean {
  return path.basename(exe) === path.basename(process.execPath);
}
