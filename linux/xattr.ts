// Extended attributes: what a filesystem keeps about a file beside its mode and owner. See setxattr(2), xattr(7).
import { flagBits, text } from './argument.ts';
import { call, showFlags } from './call.ts';
import { libc } from './libc.ts';

// linux/xattr.h
/** setxattr: fail with EEXIST where the file has this attribute. */
export const XATTR_CREATE = 0x1;
/** setxattr: fail with ENODATA where the file does not have this attribute. */
export const XATTR_REPLACE = 0x2;

const nativeSetxattr = libc(
  'int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);

/**
 * Gives a file an attribute, or changes it. See setxattr(2).
 *
 * @param name with its namespace: `user.comment`, `trusted.overlay.opaque`
 * @param value the bytes, or a text
 * @param flags XATTR_CREATE or XATTR_REPLACE; 0 for either
 * @throws LinuxError EPERM for `trusted.` without root, EOPNOTSUPP where the filesystem keeps none, ENOENT
 */
export function setxattr(path: string, name: string, value: string | Uint8Array, flags = 0): void {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new TypeError('setxattr: value must be a string or bytes');
  }
  const bytes = Buffer.from(value);
  const bits = flagBits('setxattr', 'flags', flags);
  const args = [text('setxattr', 'path', path), text('setxattr', 'name', name), bytes, bytes.length, bits];
  const shown = [
    undefined,
    undefined,
    JSON.stringify(bytes.toString('latin1')),
    undefined,
    showFlags(bits, { XATTR_CREATE, XATTR_REPLACE }),
  ];
  call('setxattr', nativeSetxattr, args, setxattr, shown);
}
