// Sessions: the processes that belong to one terminal. See setsid(2), credentials(7).
import { call } from './call.ts';
import { libc } from './libc.ts';

const nativeSetsid = libc('int setsid()');

/**
 * Makes a new session, of which the caller is the leader, without a terminal: what is typed at the old one, and its end,
 * are no signal to the caller any more. Returns the session's number. See setsid(2).
 *
 * @throws LinuxError EPERM where the caller leads a process group, as a program does that a shell has started
 */
export function setsid(): number {
  return call('setsid', nativeSetsid, [], setsid);
}
