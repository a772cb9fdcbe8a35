// Mounting and unmounting. See mount(2), umount2(2), mount_namespaces(7).
import { flagBits, text, textOrNull } from './argument.ts';
import { call, showFlags } from './call.ts';
import { libc } from './libc.ts';

// linux/mount.h
/** Read-only. */
export const MS_RDONLY = 0x1;
/** Set-user-ID bits have no effect. */
export const MS_NOSUID = 0x2;
/** Device nodes do not work. */
export const MS_NODEV = 0x4;
/** Programs cannot be executed. */
export const MS_NOEXEC = 0x8;
/** Change the flags of a mount that exists. */
export const MS_REMOUNT = 0x20;
/** Do not update access times. */
export const MS_NOATIME = 0x400;
/** Show a directory (or file) at a second place. */
export const MS_BIND = 0x1000;
/** Move a mount to another place. */
export const MS_MOVE = 0x2000;
/** Everything below, too: with MS_BIND and with the propagation flags. */
export const MS_REC = 0x4000;
/** Say less in the kernel log. */
export const MS_SILENT = 0x8000;
/** Propagation: cannot even be bind-mounted. */
export const MS_UNBINDABLE = 0x2_0000;
/** Propagation: mounts made here stay here, and none arrive. */
export const MS_PRIVATE = 0x4_0000;
/** Propagation: mounts arrive from the peer group and none go back. */
export const MS_SLAVE = 0x8_0000;
/** Propagation: mounts go both ways within the peer group. */
export const MS_SHARED = 0x10_0000;
/** Update access times only now and then. */
export const MS_RELATIME = 0x20_0000;
/** Always update access times. */
export const MS_STRICTATIME = 0x100_0000;

const mountFlags = {
  MS_RDONLY,
  MS_NOSUID,
  MS_NODEV,
  MS_NOEXEC,
  MS_REMOUNT,
  MS_NOATIME,
  MS_BIND,
  MS_MOVE,
  MS_REC,
  MS_SILENT,
  MS_UNBINDABLE,
  MS_PRIVATE,
  MS_SLAVE,
  MS_SHARED,
  MS_RELATIME,
  MS_STRICTATIME,
};

/** umount2: even if it is busy (network filesystems). */
export const MNT_FORCE = 0x1;
/** umount2: take it out of the tree now, and let it go once nobody uses it. */
export const MNT_DETACH = 0x2;
/** umount2: mark it as expired. */
export const MNT_EXPIRE = 0x4;
/** umount2: do not follow a symbolic link. */
export const UMOUNT_NOFOLLOW = 0x8;

const unmountFlags = { MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW };

const nativeMount = libc(
  'int mount(const char *source, const char *target, const char *filesystemtype, unsigned long mountflags, const char *data)',
);
const nativeUmount = libc('int umount(const char *target)');
const nativeUmount2 = libc('int umount2(const char *target, int flags)');

/**
 * Attaches a filesystem to the directory `target`, or changes what is attached there. See mount(2).
 *
 * @param source a device, a directory for MS_BIND, or any word where the type needs none
 * @param filesystemtype `proc`, `tmpfs`, `overlay`, …; ignored with MS_BIND, MS_MOVE and the propagation flags
 * @param mountflags MS_* joined with `|`
 * @param data options of the filesystem type, joined with commas and no spaces
 * @throws LinuxError EPERM without root, ENOENT where source or target is missing, ENODEV for an unknown type
 */
export function mount(
  source: string | null,
  target: string,
  filesystemtype: string | null,
  mountflags = 0,
  data: string | null = '',
): void {
  const bits = flagBits('mount', 'mountflags', mountflags);
  const args = [
    textOrNull('mount', 'source', source),
    text('mount', 'target', target),
    textOrNull('mount', 'filesystemtype', filesystemtype),
    bits,
    textOrNull('mount', 'data', data),
  ];
  call('mount', nativeMount, args, mount, [undefined, undefined, undefined, showFlags(bits, mountFlags)]);
}

/** Detaches what is mounted on `target`. See umount(2). @throws LinuxError EBUSY while somebody uses it */
export function umount(target: string): void {
  call('umount', nativeUmount, [text('umount', 'target', target)], umount);
}

/**
 * Detaches what is mounted on `target`. See umount2(2).
 *
 * @param flags MNT_DETACH and the others of umount2, joined with `|`
 * @throws LinuxError EBUSY while somebody uses it and MNT_DETACH is not given; EINVAL where nothing is mounted
 */
export function umount2(target: string, flags: number): void {
  const bits = flagBits('umount2', 'flags', flags);
  call('umount2', nativeUmount2, [text('umount2', 'target', target), bits], umount2, [
    undefined,
    showFlags(bits, unmountFlags),
  ]);
}
