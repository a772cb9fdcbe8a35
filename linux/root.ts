// Which directory a process calls `/`. See chroot(2), pivot_root(2).
import { text } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

const nativeChroot = libc('int chroot(const char *path)');
const nativePivotRoot = libc('int pivot_root(const char *new_root, const char *put_old)');

/**
 * Makes `path` the caller's `/`. The working directory stays where it is, outside perhaps: chdir is another call.
 * See chroot(2).
 *
 * @throws LinuxError EPERM without root, ENOENT where path is missing, ENOTDIR where it is no directory
 */
export function chroot(path: string): void {
  call('chroot', nativeChroot, [text('chroot', 'path', path)], chroot);
}

/**
 * Makes the mount at `new_root` the root of the mount namespace, and moves the old root to `put_old`. See pivot_root(2).
 *
 * @param new_root a mount point that is not shared
 * @param put_old a directory at or below new_root
 * @throws LinuxError EBUSY where new_root is on the mount that is the root already; EINVAL where it is no mount point of
 *   another one, where a mount is shared, and where put_old is not below new_root
 */
export function pivot_root(new_root: string, put_old: string): void {
  const args = [text('pivot_root', 'new_root', new_root), text('pivot_root', 'put_old', put_old)];
  call('pivot_root', nativePivotRoot, args, pivot_root);
}
