// Descriptors of processes: they name one process for good, where a pid is given to another one later. See pidfd_open(2).
import { whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

const syscall = libc('long syscall(long number, long a, long b, uintptr_t c, unsigned int d)');

/** asm-generic/unistd.h: the same on x86-64 and arm64. Not by name: older C libraries do not have these calls. */
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

/**
 * Opens a process. The descriptor is closed on exec, and poll(2) says that it can be read once the process has ended.
 * setns takes it for all of the process's namespaces at once. See pidfd_open(2).
 *
 * @throws LinuxError ESRCH where there is no such process
 */
export function pidfd_open(pid: number): number {
  const number = whole('pidfd_open', 'pid', pid, 1);
  return call('pidfd_open', () => syscall(SYS_pidfd_open, number, 0, 0n, 0), [number, 0], pidfd_open);
}

/**
 * Sends a signal to the process that was opened, and to no other that has its pid by now. See pidfd_send_signal(2).
 *
 * @throws LinuxError ESRCH where it has ended, EPERM
 */
export function pidfd_send_signal(pidfd: number, sig: number): void {
  const args = [whole('pidfd_send_signal', 'pidfd', pidfd, 0), whole('pidfd_send_signal', 'sig', sig, 0, 64)];
  const send = (): number => syscall(SYS_pidfd_send_signal, args[0], args[1], 0n, 0);
  call('pidfd_send_signal', send, [...args, null, 0], pidfd_send_signal);
}
