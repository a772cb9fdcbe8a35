// Who a process is. See credentials(7). Order matters: setgroups, setgid, and setuid last.
import { id } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

const nativeSetuid = libc('int setuid(unsigned int uid)');
const nativeSetgid = libc('int setgid(unsigned int gid)');
const nativeSetgroups = libc('int setgroups(size_t size, const uint32_t *list)');

/** Makes the process that user; a process that was root cannot go back. See setuid(2). @throws LinuxError EPERM */
export function setuid(uid: number): void {
  call('setuid', nativeSetuid, [id('setuid', 'uid', uid)], setuid);
}

/** Sets the process's group. After setuid it answers EPERM. See setgid(2). @throws LinuxError EPERM */
export function setgid(gid: number): void {
  call('setgid', nativeSetgid, [id('setgid', 'gid', gid)], setgid);
}

/** Sets the supplementary groups; an empty list drops them all. See setgroups(2). @throws LinuxError EPERM, EINVAL */
export function setgroups(list: readonly number[]): void {
  const groups = list.map((gid) => id('setgroups', 'list', gid));
  const show = [undefined, `[${groups.join(', ')}]`];
  call('setgroups', nativeSetgroups, [groups.length, Uint32Array.from(groups)], setgroups, show);
}
