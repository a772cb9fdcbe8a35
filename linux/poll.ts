// Waiting for several descriptors at a time. See poll(2).
import { whole } from './argument.ts';
import { failed, showFlags } from './call.ts';
import { errno, libc } from './libc.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

// asm-generic/poll.h
/** There is something to read; of a pidfd: its process has ended. */
export const POLLIN = 0x1;
/** There is room to write. */
export const POLLOUT = 0x4;
/** Something is wrong with it. Told also where nobody asks. */
export const POLLERR = 0x8;
/** Nobody is at its other end any more. Told also where nobody asks. */
export const POLLHUP = 0x10;
/** It is not open. Told also where nobody asks. */
export const POLLNVAL = 0x20;

const pollFlags = { POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL };

/** A descriptor, and what is of interest about it. */
export type PollFd = {
  /** Below 0: nothing of this entry is of interest. */
  fd: number;
  /** POLLIN, POLLOUT or both. */
  events: number;
  /** What there is, filled in by poll. */
  revents?: number;
};

/** struct pollfd: fd 4 bytes, events 2, revents 2. */
const POLLFD_SIZE = 8;
const EINTR = 4;

const nativePoll = libc('int poll(void *fds, unsigned long nfds, int timeout)');

/**
 * Waits until there is something about one of the descriptors, and fills in `revents`. Returns how many there are; 0
 * where the time was over, or a signal came. See poll(2).
 *
 * @param timeout milliseconds; -1 to wait for ever
 */
export function poll(fds: readonly PollFd[], timeout: number): number {
  const milliseconds = whole('poll', 'timeout', timeout, -1);
  const entries = Buffer.alloc(POLLFD_SIZE * fds.length);
  fds.forEach(({ fd, events }, index) => {
    entries.writeInt32LE(whole('poll', 'fd', fd), POLLFD_SIZE * index);
    entries.writeInt16LE(whole('poll', 'events', events, 0, 0x7fff), POLLFD_SIZE * index + 4);
  });
  const entry = ({ fd, events }: PollFd): string => `{fd: ${fd}, events: ${showFlags(events, pollFlags)}}`;
  const shown = [`[${fds.map(entry).join(', ')}]`, String(fds.length), String(milliseconds)];
  if (stepping) stop('before', 'poll', shown, poll);
  if (tracing) record('poll', shown, { phase: 'begins' }, poll);
  const result = nativePoll(entries, fds.length, milliseconds);
  const failure = result === -1 ? errno() : 0;
  if (tracing) record('poll', shown, { phase: 'done', result, errno: failure }, poll);
  if (stepping) stop('after', 'poll', shown, poll);
  fds.forEach((each, index) => (each.revents = failure === 0 ? entries.readInt16LE(POLLFD_SIZE * index + 6) : 0));
  if (failure === EINTR) return 0;
  if (failure !== 0) throw failed('poll', failure, [fds, fds.length, milliseconds], poll, shown);
  return result;
}
