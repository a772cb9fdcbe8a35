// Pipes: what is written at one end is read at the other. See pipe(2), pipe(7).
import { flagBits } from './argument.ts';
import { call, showFlags } from './call.ts';
import { libc } from './libc.ts';

// asm-generic/fcntl.h
/** The descriptor is closed when its process executes another program. */
export const O_CLOEXEC = 0o2000000;

const nativePipe2 = libc('int pipe2(_Out_ int *pipefd, int flags)');

/**
 * Makes a pipe. A read waits until there is something to read; it ends with nothing once every copy of the writing end
 * is closed, and a child has a copy, too. See pipe2(2).
 *
 * @param flags O_CLOEXEC or 0
 * @returns the descriptors of the reading and of the writing end, to be closed with fs.closeSync
 * @throws LinuxError EINVAL for flags that the kernel does not know, EMFILE where too many files are open
 */
export function pipe2(flags: number): [read: number, write: number] {
  const bits = flagBits('pipe2', 'flags', flags);
  const ends = new Int32Array(2);
  call('pipe2', nativePipe2, [ends, bits | 0], pipe2, ['[…]', showFlags(bits, { O_CLOEXEC })]);
  return [ends[0]!, ends[1]!];
}
