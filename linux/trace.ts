// What the tracing of system calls writes, and where.
//
// BOXWRIGHT_TRACE names a descriptor (a number) or a file. The variable is taken out of the environment here,
// so a program that the workshop executes does not inherit it.
import { fileURLToPath } from 'node:url';
import { libc, strerrorname } from './libc.ts';

// Not imported: an import reads every property of the module, and then fs.promises is loaded, which nobody asked for
// and which takes a third of the time that Node itself starts in.
const fs = process.getBuiltinModule('node:fs');

/** One line of a trace: a system call that was made, or is about to be made. */
export type TraceLine = {
  /** Milliseconds since 1970. */
  time: number;
  /** The caller's pid, as getpid(2) tells it: a number of the caller's own PID namespace. */
  pid: number;
  /** Which process of the program: `0` is the first, `0.1` its first child, `0.1.1` that one's first child. */
  process: string;
  /** The call's name. */
  call: string;
  /** The arguments as strace would print them. */
  args: string[];
  /** `begins`: may not return (execvp, _exit, waitpid). `done`: returned. */
  phase: 'begins' | 'done';
  /** What the call returned; null where it failed or has not returned. */
  result: number | null;
  /** The error's name, or null. */
  errno: string | null;
  /** The caller's file and line; null where the call came from no file. */
  file: string | null;
  line: number | null;
  /** Why the workshop made the call in the program's place; null where the program made it. */
  note: string | null;
};

const target = process.env['BOXWRIGHT_TRACE'];
delete process.env['BOXWRIGHT_TRACE'];
const descriptor = openTrace(target);
const here = import.meta.dirname + '/';
const getpid = libc('int getpid()');

/** Whether calls are traced. The test of it is all that tracing costs when it is off. */
export const tracing = descriptor !== undefined;

let lineage = '0';
let children = 0;

/** Which process of the program this is: see `TraceLine.process`. */
export function ownName(): string {
  return lineage;
}

/** Counts a child that is about to be made, and returns what the trace will call it. */
export function nextChild(): string {
  children += 1;
  return `${lineage}.${children}`;
}

/** In a new child: from here on the trace's lines carry `name`. */
export function becomeChildInTrace(name: string): void {
  lineage = name;
  children = 0;
}

/** Writes one line. Never throws: a trace that cannot be written must not change what the program does. */
export function record(
  call: string,
  args: string[],
  outcome: { phase: 'begins' } | { phase: 'done'; result: number; errno: number },
  caller: (...args: never[]) => unknown,
  note: string | null = null,
): void {
  if (!tracing) return;
  const failed = outcome.phase === 'done' && outcome.errno !== 0;
  const line: TraceLine = {
    time: performance.timeOrigin + performance.now(),
    pid: getpid(),
    process: lineage,
    call,
    args,
    phase: outcome.phase,
    result: outcome.phase === 'done' && !failed ? outcome.result : null,
    errno: failed ? strerrorname(outcome.errno) : null,
    ...callSite(caller),
    note,
  };
  write(line);
}

/** Writes a value as one line; false where it cannot be written. */
export function write(value: unknown): boolean {
  try {
    fs.writeSync(descriptor!, JSON.stringify(value) + '\n');
    return true;
  } catch {
    // The reader has gone, or the program closed the descriptor.
    return false;
  }
}

/** A place in a program. */
export type Place = { file: string; line: number | null; function: string | null };

/** The first place outside this folder on the way to `caller`. */
function callSite(caller: (...args: never[]) => unknown): Pick<TraceLine, 'file' | 'line'> {
  const [first] = placesOf(caller);
  return { file: first?.file ?? null, line: first?.line ?? null };
}

/** The places outside this folder and Node on the way to `caller`, the nearest first. */
export function placesOf(caller: (...args: never[]) => unknown): Place[] {
  const prepare = Error.prepareStackTrace;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  Error.prepareStackTrace = (_error, sites) => sites;
  try {
    Error.captureStackTrace(holder, caller);
    return (holder.stack ?? []).flatMap((site) => {
      const name = site.getFileName();
      if (!name || name.startsWith('node:')) return [];
      const file = name.startsWith('file:') ? fileURLToPath(name) : name;
      return file.startsWith(here) ? [] : [{ file, line: site.getLineNumber(), function: site.getFunctionName() }];
    });
  } finally {
    Error.prepareStackTrace = prepare;
  }
}

function openTrace(named: string | undefined): number | undefined {
  if (named === undefined || named === '') return undefined;
  if (!/^\d+$/.test(named)) {
    try {
      return fs.openSync(named, 'a', 0o600);
    } catch (error) {
      throw new Error(`BOXWRIGHT_TRACE names ${named}, which cannot be opened for writing`, {
        cause: error,
      });
    }
  }
  // Node did not open it, so nobody has marked it close-on-exec yet.
  const fd = Number(named);
  const fcntl = libc('int fcntl(int fd, int cmd, long arg)');
  const F_SETFD = 2;
  const FD_CLOEXEC = 1;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) === -1) {
    throw new Error(`BOXWRIGHT_TRACE names descriptor ${named}, which is not open`);
  }
  return fd;
}
