// Signals: their numbers, sending one, and what a process does on arrival. See signal(7), kill(2), sigaction(2).
import { whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

// asm-generic/signal.h: the same on x86-64 and arm64
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGKILL = 9;
export const SIGPIPE = 13;
export const SIGTERM = 15;
/** The signal that tells a parent that a child has ended. */
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTTOU = 22;

const nativeKill = libc('int kill(int pid, int sig)');
const nativeSigaction = libc('int sigaction(int signum, const void *act, void *oldact)');
const nativeSigprocmask = libc('int sigprocmask(int how, const void *set, void *oldset)');

/**
 * Sends a signal. See kill(2).
 *
 * @param pid a process; 0 for the caller's process group, -1 for every process, -n for the process group n
 * @param sig the signal's number; 0 only asks whether the process exists
 * @throws LinuxError ESRCH where there is none, EPERM
 */
export function kill(pid: number, sig: number): void {
  call('kill', nativeKill, [whole('kill', 'pid', pid), whole('kill', 'sig', sig, 0, 64)], kill);
}

// What follows is for fork, exec and wait; the package does not export it.

/** glibc's struct sigaction on 64-bit Linux: handler 8 bytes, mask 128, flags 4 (padded), restorer 8. */
const SIGACTION_SIZE = 152;
/** glibc's sigset_t, in bytes. */
const SIGSET_SIZE = 128;
const SIG_DFL = 0n;
const SIG_IGN = 1n;
const SIG_SETMASK = 2;
const SIGRTMAX = 64;

/** What a process does when a signal arrives; opaque. */
export type Disposition = Buffer;

/** The signal's present disposition; null where the C library keeps the signal to itself. */
function disposition(signum: number): Disposition | null {
  const old = Buffer.alloc(SIGACTION_SIZE);
  return nativeSigaction(signum, null, old) === -1 ? null : old;
}

/** Ignores a signal and returns the disposition it had. */
export function ignore(signum: number): Disposition {
  const act = Buffer.alloc(SIGACTION_SIZE);
  act.writeBigUInt64LE(SIG_IGN);
  const old = Buffer.alloc(SIGACTION_SIZE);
  nativeSigaction(signum, act, old);
  return old;
}

/** Gives a signal back a disposition that it had. */
export function restore(signum: number, old: Disposition): void {
  nativeSigaction(signum, old, null);
}

/**
 * Makes signals act by default and blocks none, as a program expects to be started: exec resets what is caught,
 * but what is ignored stays ignored, and so does the mask. Returns what undoes it.
 */
export function resetSignals(): () => void {
  const byDefault = Buffer.alloc(SIGACTION_SIZE);
  byDefault.writeBigUInt64LE(SIG_DFL);
  const ignored: [number, Disposition][] = [];
  for (let signum = 1; signum <= SIGRTMAX; signum += 1) {
    const old = disposition(signum);
    if (old === null || old.readBigUInt64LE() !== SIG_IGN) continue;
    nativeSigaction(signum, byDefault, null);
    ignored.push([signum, old]);
  }
  const mask = Buffer.alloc(SIGSET_SIZE);
  nativeSigprocmask(SIG_SETMASK, Buffer.alloc(SIGSET_SIZE), mask);
  return () => {
    for (const [signum, old] of ignored) restore(signum, old);
    nativeSigprocmask(SIG_SETMASK, mask, null);
  };
}
