// What a failed system call throws.
import { brief } from './argument.ts';
import { libc, strerror, strerrorname } from './libc.ts';

// Not imported: see trace.ts.
const fs = process.getBuiltinModule('node:fs');

const geteuid = libc('unsigned int geteuid()');

/**
 * A system call that failed. The message reads like a line of strace:
 * `mount("proc", "/x/proc", "proc", 0, "") failed: EPERM: Operation not permitted`,
 * and ends with a sentence of advice where the cause is a common one.
 */
export class LinuxError extends Error {
  /** The call's name, as its manual page spells it. */
  readonly syscall: string;
  /** The error's number, see errno(3). */
  readonly errno: number;
  /** The error's name: `EPERM`, `ENOENT`, … */
  readonly code: string;
  /** The arguments as they were given. */
  readonly args: readonly unknown[];

  constructor(syscall: string, errno: number, args: readonly unknown[], shown: readonly string[]) {
    const code = strerrorname(errno);
    const advice = adviceFor(syscall, code);
    super(
      `${syscall}(${shown.map(brief).join(', ')}) failed: ${code}: ${strerror(errno)}` +
        (advice === '' ? '' : `. ${advice}`),
    );
    this.name = 'LinuxError';
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.args = args;
  }
}

/** Outside of user namespaces all ids stand for themselves. See user_namespaces(7). */
const MAP_OF_ALL = /^0\s+0\s+4294967295$/;

/** A sentence on what usually causes this error in this call; empty where there is no usual cause. */
function adviceFor(syscall: string, code: string): string {
  if (code === 'EPERM' || (code === 'EACCES' && syscall === 'mount')) {
    const map = read('/proc/self/uid_map');
    if (map === '')
      return 'Nobody is anybody in this user namespace: no map has been written for it (uid_map, gid_map).';
    if (map !== null && !MAP_OF_ALL.test(map)) {
      return read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1'
        ? 'AppArmor takes all rights from the user namespaces of ordinary users here, as Ubuntu has it: see docs/troubleshooting.md.'
        : 'You are root of a user namespace, which is not enough for this.';
    }
  }
  if (code === 'EPERM') {
    return geteuid() === 0
      ? 'You are root, so either this place withholds a privilege (a plain container does) or an earlier call gave it up.'
      : 'This call takes a right of root, and this process is not root: either it never was (sudo, or the virtual machine: vagrant up), or an earlier call gave it up.';
  }
  if (syscall === 'pivot_root' && code === 'EBUSY') {
    return 'new_root must be a mount point, and not the mount that is the root already.';
  }
  if (syscall === 'pivot_root' && code === 'EINVAL') {
    return 'pivot_root refuses a new_root that is no mount point, a new_root or a parent of it that is a shared mount, and a put_old that is not below new_root.';
  }
  if ((syscall === 'umount' || syscall === 'umount2') && code === 'EINVAL') {
    return 'The target is not a mount point.';
  }
  if (syscall === 'waitpid' && code === 'ECHILD') {
    return 'The caller has no such child: a child cannot wait for itself, and a parent can wait for a child only once.';
  }
  if (syscall === 'mount' && code === 'ENODEV') {
    return 'The kernel knows no filesystem type of that name: cat /proc/filesystems lists them.';
  }
  return '';
}

function read(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}
