// Locks on open files, by which processes take turns. See flock(2).
import { flagBits, whole } from './argument.ts';
import { call, showFlags } from './call.ts';
import { libc } from './libc.ts';

// asm-generic/fcntl.h
/** Several may hold it, as long as nobody holds it alone. */
export const LOCK_SH = 1;
/** One holds it alone. */
export const LOCK_EX = 2;
/** Do not wait, but fail with EWOULDBLOCK. */
export const LOCK_NB = 4;
/** Gives it back. */
export const LOCK_UN = 8;

const nativeFlock = libc('int flock(int fd, int operation)');

/**
 * Locks an open file, and waits as long as another one holds the lock. Whoever ends, however that happens, gives it
 * back: it is held until the last copy of the descriptor is closed, and a child has a copy, too. See flock(2).
 *
 * @param operation LOCK_EX, LOCK_SH or LOCK_UN; with `| LOCK_NB` it does not wait
 * @throws LinuxError EAGAIN with LOCK_NB where another one holds it, EBADF where fd is not open
 */
export function flock(fd: number, operation: number): void {
  const bits = flagBits('flock', 'operation', operation);
  call('flock', nativeFlock, [whole('flock', 'fd', fd, 0), bits | 0], flock, [
    undefined,
    showFlags(bits, { LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN }),
  ]);
}
