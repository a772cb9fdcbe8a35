// Signals: their numbers, sending one, and what a process does on arrival. See signal(7), kill(2), sigaction(2).
import { whole } from './argument.ts';
import { call, failed } from './call.ts';
import { errno, libc } from './libc.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

// asm-generic/signal.h: the same on x86-64 and arm64
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
/** The signal that tells a parent that a child has ended. */
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTOU = 22;
/** The signal that tells a program that its terminal has another size. */
export const SIGWINCH = 28;

/** sigprocmask: block these, too. */
export const SIG_BLOCK = 0;
/** sigprocmask: block these no more. */
export const SIG_UNBLOCK = 1;
/** sigprocmask: block these and no others. */
export const SIG_SETMASK = 2;

const nativeKill = libc('int kill(int pid, int sig)');
const nativeSigaction = libc('int sigaction(int signum, const void *act, void *oldact)');
const nativeSigprocmask = libc('int sigprocmask(int how, const void *set, void *oldset)');
const nativeSigwaitinfo = libc('int sigwaitinfo(const void *set, void *info)');

/** glibc's sigset_t, in bytes. */
const SIGSET_SIZE = 128;
const SIGRTMAX = 64;
const EINTR = 4;

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

/**
 * Says which signals the calling thread lets in; one that is blocked waits. A child inherits it, an exec of ours clears
 * it. The other threads of Node are not told: it is of use in a child, which has one thread. See sigprocmask(2).
 *
 * @param how SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK
 * @param set the signals' numbers
 */
export function sigprocmask(how: number, set: readonly number[]): void {
  const args = [whole('sigprocmask', 'how', how, 0, 2), setOf('sigprocmask', set), null];
  const name = ['SIG_BLOCK', 'SIG_UNBLOCK', 'SIG_SETMASK'][how];
  call('sigprocmask', nativeSigprocmask, args, sigprocmask, [name, `[${set.join(', ')}]`]);
}

/**
 * Waits until one of these signals is there, takes it, and returns its number. They must be blocked before, or they do
 * what they do. See sigwaitinfo(2).
 *
 * @param set the signals' numbers
 */
export function sigwaitinfo(set: readonly number[]): number {
  const signals = setOf('sigwaitinfo', set);
  const shown = [`[${set.join(', ')}]`, 'NULL'];
  if (stepping) stop('before', 'sigwaitinfo', shown, sigwaitinfo);
  if (tracing) record('sigwaitinfo', shown, { phase: 'begins' }, sigwaitinfo);
  let result: number;
  let failure: number;
  do {
    result = nativeSigwaitinfo(signals, null);
    failure = result === -1 ? errno() : 0;
  } while (failure === EINTR);
  if (tracing) record('sigwaitinfo', shown, { phase: 'done', result, errno: failure }, sigwaitinfo);
  if (stepping) stop('after', 'sigwaitinfo', shown, sigwaitinfo);
  if (failure !== 0) throw failed('sigwaitinfo', failure, [set, null], sigwaitinfo, shown);
  return result;
}

/** A sigset_t: a bit for each signal, the first one for signal 1. */
function setOf(name: string, set: readonly number[]): Buffer {
  const bits = Buffer.alloc(SIGSET_SIZE);
  for (const sig of set) {
    const bit = whole(name, 'set', sig, 1, SIGRTMAX) - 1;
    bits[bit >> 3]! |= 1 << (bit & 7);
  }
  return bits;
}

// What follows is for fork, exec and wait; the package does not export it.

/** glibc's struct sigaction on 64-bit Linux: handler 8 bytes, mask 128, flags 4 (padded), restorer 8. */
const SIGACTION_SIZE = 152;
const SIG_DFL = 0n;
const SIG_IGN = 1n;

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
