// Stopping around each system call, so that somebody can look at the machine in between.
//
// BOXWRIGHT_STEP, set beside BOXWRIGHT_TRACE, asks for it. A process that stops writes a line to the trace and then
// reads from a pipe of its own. Whoever watches writes a byte into that pipe, through /proc/PID/fd: so each process is
// let go by itself, also one that has another root, user or PID namespace by then.
import { libc } from './libc.ts';
import { ownName, type Place, placesOf, tracing, write } from './trace.ts';

// Not imported: see trace.ts.
const fs = process.getBuiltinModule('node:fs');

/** A line of the trace: a process has stopped and waits for a byte in its pipe. */
export type StopLine = {
  /** Of the call: before it, after it, or as the child that it has just made. */
  stop: 'before' | 'after' | 'born';
  /** Which process of the program: see `TraceLine.process`. */
  process: string;
  call: string;
  args: string[];
  /** Where the program made the call, the nearest place first. */
  places: Place[];
  /** The pipe: its write end by number in this process, and its inode, which no other pipe has. */
  gate: { fd: number; inode: number };
};

const wanted = process.env['BOXWRIGHT_STEP'];
delete process.env['BOXWRIGHT_STEP'];

/** Whether the program stops. The test of it is all that it costs when it does not. */
export const stepping = tracing && wanted !== undefined && wanted !== '';

const pipe2 = libc('int pipe2(_Out_ int *fds, int flags)');
const O_CLOEXEC = 0o2000000;

/** The pipe of the process named; a child has the parent's at first. */
let gate: { of: string; read: number; fd: number; inode: number } | undefined;

/** Stops this process until it is let go. Goes on at once where nobody can be told. */
export function stop(at: StopLine['stop'], call: string, args: string[], caller: (...args: never[]) => unknown): void {
  if (gate?.of !== ownName()) openGate();
  if (gate === undefined) return;
  const { read, fd, inode } = gate;
  const line: StopLine = { stop: at, process: ownName(), call, args, places: placesOf(caller), gate: { fd, inode } };
  if (!write(line)) return;
  for (;;) {
    try {
      fs.readSync(read, new Uint8Array(1));
      return;
    } catch (error) {
      // A signal came; or the program has closed the descriptor, and then there is nothing to wait for.
      if ((error as NodeJS.ErrnoException).code !== 'EINTR') return;
    }
  }
}

function openGate(): void {
  if (gate !== undefined) for (const fd of [gate.read, gate.fd]) closeIfOpen(fd);
  gate = undefined;
  const fds = [0, 0];
  if (pipe2(fds, O_CLOEXEC) === -1) return;
  const [read, fd] = fds as [number, number];
  gate = { of: ownName(), read, fd, inode: fs.fstatSync(read).ino };
}

function closeIfOpen(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // The program was faster.
  }
}
