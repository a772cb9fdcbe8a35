// Making device nodes and other special files. See mknod(2), makedev(3), umask(2), inode(7).
import { flagBits, text, whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

// linux/stat.h
/** The bits of a mode that hold the file's type. */
export const S_IFMT = 0o170000;
/** A named pipe. */
export const S_IFIFO = 0o010000;
/** A character device. */
export const S_IFCHR = 0o020000;
/** A directory. */
export const S_IFDIR = 0o040000;
/** A block device. */
export const S_IFBLK = 0o060000;
/** A regular file. */
export const S_IFREG = 0o100000;
/** A symbolic link. */
export const S_IFLNK = 0o120000;
/** A socket. */
export const S_IFSOCK = 0o140000;

const nativeMknod = libc('int mknod(const char *pathname, unsigned int mode, uint64_t dev)');
const nativeMakedev = libc('uint64_t gnu_dev_makedev(unsigned int major, unsigned int minor)');
const nativeUmask = libc('unsigned int umask(unsigned int mask)');

/**
 * Makes a special file. Without one of S_IF* in the mode it makes a regular file, silently; the umask takes bits away.
 * See mknod(2).
 *
 * @param mode S_IFCHR (or another S_IF*) joined with permission bits: `S_IFCHR | 0o666`
 * @param dev the device's number, from makedev; 0 for a FIFO
 * @throws LinuxError EPERM without root, EEXIST where pathname exists
 */
export function mknod(pathname: string, mode: number, dev: number): void {
  const bits = flagBits('mknod', 'mode', mode);
  const number = whole('mknod', 'dev', dev, 0, Number.MAX_SAFE_INTEGER);
  call('mknod', nativeMknod, [text('mknod', 'pathname', pathname), bits, number], mknod, [
    undefined,
    `0${bits.toString(8)}`,
    `0x${number.toString(16)}`,
  ]);
}

/** A device's number made of its major and minor: /dev/null is makedev(1, 3). See makedev(3). */
export function makedev(major: number, minor: number): number {
  return nativeMakedev(
    whole('makedev', 'major', major, 0, 0xffff_ffff),
    whole('makedev', 'minor', minor, 0, 0xffff_ffff),
  );
}

/** Sets which permission bits new files do not get, and returns the old mask. Cannot fail. See umask(2). */
export function umask(mask: number): number {
  const bits = whole('umask', 'mask', mask, 0, 0o777);
  return call('umask', nativeUmask, [bits], umask, [`0${bits.toString(8)}`]);
}
