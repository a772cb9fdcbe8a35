// Making a child process inside Node. See fork(2), clone(2).
//
// Three things stand in the way, and each ends in a child that crashes or hangs (docs/node-and-fork.md tells the story):
// V8 asks the kernel to leave its heap out of children (MADV_DONTFORK), so each fork first takes that back;
// V8's helper threads do not exist in the child, so Node must run without them: two flags on its command line;
// and the few threads that remain may be in the middle of something, such as malloc, whose lock the child would find
// locked for ever: so they are waited for.
import { flagBits } from './argument.ts';
import { failed, showFlags } from './call.ts';
import { leave } from './exit.ts';
import { errno, libc } from './libc.ts';
import { namespaceFlags } from './namespace.ts';
import { requiredNodeFlags } from './node-flags.ts';
import { SIGCHLD } from './signal.ts';
import { describe } from './stack.ts';
import { stepping, stop } from './step.ts';
import { becomeChildInTrace, nextChild, record, tracing } from './trace.ts';

// Not imported: see trace.ts.
const fs = process.getBuiltinModule('node:fs');

const nativeFork = libc('int fork()');
const nativeGetpid = libc('int getpid()');
const nativeGettid = libc('int gettid()');
const madvise = libc('int madvise(uintptr_t addr, size_t length, int advice)');
const syscall = libc(
  'long syscall(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)',
);

/** linux/mman.h */
const MADV_DOFORK = 11;
const ENOMEM = 12;
/** asm/unistd_64.h, asm-generic/unistd.h. Arguments after the flags are all 0, so their order does not matter. */
const SYS_clone: Readonly<Record<string, number>> = { x64: 56, arm64: 220 };
/** clone: the low byte of the flags is the signal that tells the parent of the child's end. */
const CSIGNAL = 0xff;

const cloneFlags: Readonly<Record<string, number>> = { ...namespaceFlags };
const cloneFlagBits = Object.values(cloneFlags).reduce((bits, flag) => (bits | flag) >>> 0, 0);

/**
 * Makes a child process, a copy of this one. Returns twice: the child's pid in the parent, 0 in the child.
 *
 * The child must end in execvp or _exit, and may only use synchronous calls. Whatever else it does to end is made into
 * an _exit with status 1, and says so on stderr with its stack: an uncaught error, process.exit, coming back to the
 * event loop. See fork(2).
 *
 * @throws LinuxError EAGAIN where there are too many processes
 * @throws Error where node was started without the flags that make this safe
 */
export function fork(): number {
  return divide('fork', [], fork, nativeFork, []);
}

/**
 * Makes a child process in new namespaces and runs `child` in it. Returns the child's pid in the parent. See clone(2).
 *
 * @param child what the child does. It should end in execvp or _exit; a number that it returns becomes its status.
 * @param flags CLONE_NEW* joined with `|`, and SIGCHLD, without which waitpid does not see the child
 * @throws LinuxError EPERM without root, EINVAL for flags that do not go together
 */
export function clone(child: () => number | void, flags: number): number {
  if (typeof child !== 'function') {
    throw new TypeError('clone: child must be a function: clone(child, flags)');
  }
  const bits = flagBits('clone', 'flags', flags);
  const others = (bits & ~(cloneFlagBits | CSIGNAL)) >>> 0;
  if (others !== 0) {
    throw new TypeError(
      `clone: flags holds 0x${others.toString(16)}; it takes CLONE_NEW* and SIGCHLD, for the others would share Node's memory with the child`,
    );
  }
  const number = SYS_clone[process.arch];
  if (number === undefined) {
    throw new Error(`clone: no system call number is known for ${process.arch}`);
  }
  const signal = bits & CSIGNAL;
  const names = showFlags((bits & ~CSIGNAL) >>> 0, cloneFlags);
  const signalName = signal === SIGCHLD ? 'SIGCHLD' : String(signal);
  let shown = names;
  if (signal !== 0) shown = names === '0' ? signalName : `${names}|${signalName}`;
  const args = [number, bits, 0, 0, 0, 0];
  const pid = divide('clone', args, clone, syscall, ['child', shown]);
  if (pid !== 0) return pid;
  const status = child();
  if (typeof status === 'number') return leave(status & 0xff, clone, null);
  return fellOff('the function given to clone returned');
}

// At once: after a chroot there may be no /proc to read it from.
const ranges = forkableRanges();

/** What fork and clone share. The child's side of it ends every other way out. */
function divide(
  name: 'fork' | 'clone',
  args: unknown[],
  caller: (...args: never[]) => unknown,
  native: typeof nativeFork,
  shown: string[],
): number {
  checkNodeFlags(name);
  if (stepping) stop('before', name, shown, caller);
  const child = nextChild();
  waitForThreads();
  // Twice: the first call may still allocate (it warms what the second one uses), and what V8 maps is left out of
  // children again. Between the last call and the fork nothing may allocate.
  adviseDoFork(ranges, name, caller);
  adviseDoFork(ranges, name, caller);
  const pid = native(...args);
  if (pid === 0) {
    becomeChild(child);
    if (stepping) stop('born', name, shown, caller);
    return 0;
  }
  const failure = pid === -1 ? errno() : 0;
  if (tracing) record(name, shown, { phase: 'done', result: pid, errno: failure }, caller);
  if (stepping) stop('after', name, shown, caller);
  if (failure !== 0) throw failed(name, failure, shown, caller, shown);
  return pid;
}

/** Milliseconds; threads of Node that have nothing to do rest long before. */
const longestWait = 1000;
/** asm/unistd_64.h, asm-generic/unistd.h: brk, mmap, munmap, mremap, mprotect, madvise, in which malloc may be. */
const memoryCalls: Readonly<Record<string, readonly string[]>> = {
  x64: ['12', '9', '11', '25', '10', '28'],
  arm64: ['214', '222', '215', '216', '226', '233'],
};
const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits until no other thread of this process is at work. Node's start a moment after it, and take memory then. glibc's
 * fork keeps malloc's locks for itself, the bare clone(2) does not.
 */
function waitForThreads(): void {
  for (let waited = 0; waited < longestWait && !othersAreAtRest(); waited += 1) Atomics.wait(cell, 0, 0, 1);
}

/** Whether every other thread sleeps in a system call that is not about memory. See proc(5), syscall. */
function othersAreAtRest(): boolean {
  try {
    // Not gettid: /proc may be that of the PID namespace above.
    const own = fs.readlinkSync('/proc/thread-self').split('/').at(-1);
    return fs
      .readdirSync('/proc/self/task')
      .filter((tid) => tid !== own)
      .map((tid) => fs.readFileSync(`/proc/self/task/${tid}/syscall`, 'latin1').split(' ')[0]!.trim())
      .every((call) => call !== 'running' && !memoryCalls[process.arch]?.includes(call));
  } catch {
    // No /proc, or another process's.
    return true;
  }
}

function adviseDoFork(
  memory: (readonly [bigint, bigint])[],
  name: string,
  caller: (...args: never[]) => unknown,
): void {
  for (let index = 0; index < memory.length; index += 1) {
    const range = memory[index]!;
    if (madvise(range[0], range[1], MADV_DOFORK) !== -1) continue;
    const failure = errno();
    // The range has holes: the kernel has done all of it nevertheless.
    if (failure !== ENOMEM) throw failed(`madvise (before ${name})`, failure, [], caller);
  }
}

/** All memory but the kernel's own pages ([vvar], [vdso]), which refuse the advice. Read once: those never move. */
function forkableRanges(): (readonly [bigint, bigint])[] {
  const page = 0x1000n;
  const special: [bigint, bigint][] = [];
  let end = page;
  for (const line of fs.readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) .*?(\[v[a-z_]*\])?$/.exec(line);
    if (match === null) continue;
    const range: [bigint, bigint] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)];
    // [vsyscall] is outside what madvise may be asked about.
    if (match[3] === '[vsyscall]') continue;
    if (match[3] !== undefined) special.push(range);
    if (range[1] > end) end = range[1];
  }
  const free: (readonly [bigint, bigint])[] = [];
  let start = page;
  for (const [from, to] of special.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    if (from > start) free.push([start, from - start]);
    start = to;
  }
  if (end > start) free.push([start, end - start]);
  return free;
}

function checkNodeFlags(name: string): void {
  const given = process.execArgv.map((flag) => flag.replaceAll('_', '-'));
  const missing = requiredNodeFlags.filter((flag) => !given.includes(flag));
  if (missing.length > 0) {
    throw new Error(
      `${name} would hang or crash the child: node was started without ${missing.join(' and ')}. ` +
        `Start it as: node ${requiredNodeFlags.join(' ')} FILE`,
    );
  }
  if (nativeGettid() !== nativeGetpid()) {
    throw new Error(`${name} works in the main thread only, and this is a worker thread`);
  }
}

/** The child's first steps: every way out becomes _exit. */
function becomeChild(name: string): void {
  becomeChildInTrace(name);
  // Node remembers the parent's.
  Object.defineProperty(process, 'pid', { value: nativeGetpid(), configurable: true });
  process.setUncaughtExceptionCaptureCallback(null);
  process.setUncaughtExceptionCaptureCallback((error) => {
    say(`Uncaught error in the child process ${process.pid}:\n${describe(error)}\n`);
    leave(1, describe, 'uncaught error');
  });
  // The parent's handlers of 'exit' are not run: they would clean up what the parent still uses.
  process.exit = () => exitInChild('process.exit', process.exit);
  process.abort = () => exitInChild('process.abort', process.abort);
  setImmediate(() => fellOff('the child went on to the end of the program'));
}

function exitInChild(name: string, called: () => never): never {
  const error = new Error(
    `${name} in the child process ${process.pid}: it would shut down a Node that is not whole here. A child ends in _exit.`,
  );
  Error.captureStackTrace(error, called);
  say(`${describe(error)}\n`);
  return leave(1, exitInChild, name);
}

function fellOff(how: string): never {
  say(
    `The child process ${process.pid} neither became another program nor ended: ${how}. ` +
      'A child ends in execvp or _exit, and makes only synchronous calls.\n',
  );
  return leave(1, fellOff, 'fell off the end');
}

function say(message: string): void {
  try {
    fs.writeSync(2, message);
  } catch {
    // Nobody reads stderr any more; the status still tells.
  }
}
