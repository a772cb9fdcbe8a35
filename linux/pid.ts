// Which process this is. See getpid(2).
import { call } from './call.ts';
import { libc } from './libc.ts';

const nativeGetpid = libc('int getpid()');

/** The caller's process id, in its own PID namespace. Cannot fail. See getpid(2). */
export function getpid(): number {
  return call('getpid', nativeGetpid, [], getpid);
}
