// Namespaces: leaving the ones a process was born with, and entering others. See namespaces(7).
import { flagBits, whole } from './argument.ts';
import { call, showFlags } from './call.ts';
import { libc } from './libc.ts';

// linux/sched.h
/** A new cgroup namespace: the current cgroup becomes its root. */
export const CLONE_NEWCGROUP = 0x0200_0000;
/** A new mount namespace, with a copy of the mount table. */
export const CLONE_NEWNS = 0x0002_0000;
/** A new UTS namespace: a hostname of its own. */
export const CLONE_NEWUTS = 0x0400_0000;
/** A new IPC namespace. */
export const CLONE_NEWIPC = 0x0800_0000;
/** A new user namespace. */
export const CLONE_NEWUSER = 0x1000_0000;
/** A new PID namespace: the first process in it is PID 1. */
export const CLONE_NEWPID = 0x2000_0000;
/** A new network namespace. */
export const CLONE_NEWNET = 0x4000_0000;

/** The flags that unshare, setns and clone share. */
export const namespaceFlags: Readonly<Record<string, number>> = {
  CLONE_NEWNS,
  CLONE_NEWUTS,
  CLONE_NEWPID,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWUSER,
  CLONE_NEWCGROUP,
};

const nativeUnshare = libc('int unshare(int flags)');
const nativeSetns = libc('int setns(int fd, int nstype)');

/**
 * Moves the caller into new namespaces. With CLONE_NEWPID it is the caller's next child that moves, not the caller.
 * Only the calling thread moves: from then on use synchronous calls only. See unshare(2).
 *
 * @param flags CLONE_NEW* joined with `|`
 * @throws LinuxError EPERM without root; EINVAL for CLONE_NEWUSER in a process with several threads, as Node is
 */
export function unshare(flags: number): void {
  const bits = flagBits('unshare', 'flags', flags);
  call('unshare', nativeUnshare, [bits | 0], unshare, [showFlags(bits, namespaceFlags)]);
}

/**
 * Moves the caller into a namespace that exists, or with a pidfd into several of that process. With CLONE_NEWPID it is
 * the caller's children that move. Only the calling thread moves: in a child it is the whole process. See setns(2).
 *
 * @param fd a descriptor of /proc/PID/ns/NAME, or of pidfd_open
 * @param nstype the CLONE_NEW* it must be, or 0 for any; with a pidfd, those to enter
 * @throws LinuxError EINVAL for a mount namespace in a process with several threads, as Node is: setns in a child
 */
export function setns(fd: number, nstype = 0): void {
  const bits = flagBits('setns', 'nstype', nstype);
  call('setns', nativeSetns, [whole('setns', 'fd', fd, 0), bits | 0], setns, [
    undefined,
    showFlags(bits, namespaceFlags),
  ]);
}
