// The machine's name, which belongs to the UTS namespace. See sethostname(2), uts_namespaces(7).
import { text } from './argument.ts';
import { call, failed } from './call.ts';
import { errno, libc } from './libc.ts';

const nativeSethostname = libc('int sethostname(const char *name, size_t len)');
const nativeGethostname = libc('int gethostname(_Out_ char *name, size_t len)');

/** linux/utsname.h: the longest name, without the zero at its end. */
const HOST_NAME_MAX = 64;

/**
 * Sets the hostname of the caller's UTS namespace: of the whole machine where it has none of its own. See sethostname(2).
 *
 * @throws LinuxError EPERM without root, EINVAL for more than 64 bytes
 */
export function sethostname(name: string): void {
  const bytes = Buffer.byteLength(text('sethostname', 'name', name));
  call('sethostname', nativeSethostname, [name, bytes], sethostname);
}

/** The hostname of the caller's UTS namespace. See gethostname(2). */
export function gethostname(): string {
  const name = Buffer.alloc(HOST_NAME_MAX + 1);
  if (nativeGethostname(name, name.length) === -1) {
    throw failed('gethostname', errno(), [], gethostname);
  }
  return name.toString('utf8', 0, name.indexOf(0));
}
