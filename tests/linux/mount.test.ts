import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

describe('mount', () => {
  test("proc shows this namespace's processes, as /proc does", async () => {
    expect(await valuesOf('mount', ['proc'])).toEqual([
      { pids: ['1'], samePids: true, self: true, same: [true, true, true] },
      [],
    ]);
  });

  test('sysfs shows what /sys does', async () => {
    expect(await valuesOf('mount', ['sysfs'])).toEqual([{ entries: true, same: [true, true, true, true] }]);
  });

  test('tmpfs takes its options from data', async () => {
    expect(await valuesOf('mount', ['tmpfs'])).toEqual([{ isTmpfs: true, bytes: 65_536, mode: '750', full: 'ENOSPC' }]);
  });

  test('flags forbid devices and programs, and MS_REMOUNT changes them', async () => {
    expect(await valuesOf('mount', ['flags'])).toEqual([
      { open: 'EACCES', exec: 'EACCES' },
      { write: 'EROFS', open: null },
    ]);
  });

  test('MS_BIND shows a directory twice, MS_REC what is mounted below, MS_MOVE moves', async () => {
    expect(await valuesOf('mount', ['bind'])).toEqual([
      { flat: [], deep: ['file'] },
      { flat: [], moved: ['inner'] },
    ]);
  });

  test('after unshare(CLONE_NEWNS) and MS_PRIVATE | MS_REC it shows in the child and never in the parent', async () => {
    const [private_, slave, shared] = await Promise.all(
      ['private', 'slave', 'shared'].map((name) => valuesOf('mount', [name])),
    );
    expect(private_).toEqual([{ child: true }, { parent: false }]);
    expect(slave).toEqual([{ child: true }, { parent: false }]);
    // The parent's mounts are shared ones, so without the flags the mount would be there.
    expect(shared).toEqual([{ child: true }, { parent: true }]);
  });

  test('umount: EBUSY while it is used, MNT_DETACH takes it out of the tree, and the other flags', async () => {
    expect(await valuesOf('mount', ['umount'])).toMatchObject([
      ['EBUSY', 'EBUSY'],
      [],
      [{ code: 'EINVAL', message: expect.stringContaining('UMOUNT_NOFOLLOW') }, { code: 'EAGAIN' }],
      {
        code: 'EINVAL',
        message: expect.stringMatching(
          /^umount\("[^"]+\/again"\) failed: EINVAL: Invalid argument\. The target is not a mount point\.$/,
        ),
      },
    ]);
  });

  test('errors read like strace, with flags by name and unsigned', async () => {
    const [unsigned, errors, types, mounted] = await valuesOf('mount', ['errors']);
    expect(unsigned).toMatchObject({
      code: 'EINVAL',
      args: ['tmpfs', expect.stringMatching(/\/place$/), 'tmpfs', 0x8000_0004, 'size=1m'],
      message: expect.stringMatching(
        /^mount\("tmpfs", "[^"]+\/place", "tmpfs", MS_NODEV\|0x80000000, "size=1m"\) failed: EINVAL: Invalid argument$/,
      ),
    });
    expect(errors).toMatchObject([
      {
        name: 'LinuxError',
        message: 'mount("proc", "/no/such/place", "proc", 0, "") failed: ENOENT: No such file or directory',
        syscall: 'mount',
        errno: 2,
        code: 'ENOENT',
        args: ['proc', '/no/such/place', 'proc', 0, ''],
      },
      {
        code: 'ENODEV',
        message: expect.stringMatching(
          /, "overlayfs", 0, ""\) failed: ENODEV: No such device\. The kernel knows no filesystem type of that name: cat \/proc\/filesystems lists them\.$/,
        ),
      },
      {
        code: 'EINVAL',
        message: expect.stringMatching(
          /^mount\(NULL, "[^"]+", NULL, MS_REC\|MS_PRIVATE, NULL\) failed: EINVAL: Invalid argument$/,
        ),
      },
      {
        message: expect.stringMatching(
          /^umount2\("[^"]+", MNT_DETACH\) failed: EINVAL: Invalid argument\. The target is not a mount point\.$/,
        ),
      },
    ]);
    expect(types).toEqual([
      'mount: source must be a string, and it is of type undefined',
      'mount: target must be a string, and it is of type undefined',
      'mount: mountflags must be a whole number from -2147483648 to 4294967295, and it is of type string',
      'mount: mountflags must be a whole number from -2147483648 to 4294967295, and it is 4294967296',
      'mount: data must be a string, and it is an array',
      'mount: target contains a zero byte',
    ]);
    expect(mounted).toBe(false);
  });
});

describe('the root directory', () => {
  test('pivot_root makes a mount the root, and the old root can go', async () => {
    expect(await valuesOf('mount', ['pivot'])).toEqual([
      { root: ['inside', 'old_root'], host: true },
      'EBUSY',
      { root: ['inside', 'proc'], above: ['inside', 'proc'], mounts: ['/', '/proc'] },
      { exitCode: 0, signal: null },
    ]);
  });

  test('pivot_root says which of its conditions is not met', async () => {
    const [errors] = (await valuesOf('mount', ['pivot-errors'])) as [Record<string, string>];
    const invalid =
      / failed: EINVAL: Invalid argument\. pivot_root refuses a new_root that is no mount point, .* and a put_old that is not below new_root\.$/;
    expect(errors).toEqual({
      onRoot:
        'pivot_root("/etc", "/etc") failed: EBUSY: Device or resource busy. ' +
        'new_root must be a mount point, and not the mount that is the root already.',
      onAnother: expect.stringMatching(invalid),
      putOldIsRoot: 'EBUSY',
      noPutOld: 'ENOENT',
      putOldOutside: expect.stringMatching(invalid),
      shared: 'EINVAL',
    });
  });

  test('chroot changes what / means, and leaves the working directory where it was', async () => {
    expect(await valuesOf('mount', ['chroot'])).toEqual([
      ['ENOENT', 'ENOTDIR'],
      { outside: true, root: ['inside', 'old_root'], above: ['inside', 'old_root'] },
      { exitCode: 0, signal: null },
    ]);
  });
});

describe('mknod', () => {
  test('makes special files of the type, mode and number asked for, as the umask allows', async () => {
    const [made, used, umask, masked, again] = await valuesOf('mount', ['special']);
    expect(made).toEqual({
      null: { mode: '20666', rdev: (1 << 8) | 3 },
      // A minor of more than eight bits: its upper part stands above the major.
      loop: { mode: '60660', rdev: (7 << 8) | (300 & 0xff) | ((300 & ~0xff) << 12) },
      pipe: { mode: '10600', rdev: 0 },
      socket: { mode: '140600', rdev: 0 },
      // Silently no device.
      untyped: { mode: '100644', rdev: 0 },
    });
    expect(used).toEqual({ written: 4, read: 0 });
    expect(umask).toEqual({ old: expect.stringMatching(/^[0-7]+$/), before: 0 });
    expect(masked).toEqual({ mode: '20640', rdev: (1 << 8) | 5 });
    expect(again).toMatchObject({
      code: 'EEXIST',
      message: expect.stringMatching(/^mknod\("[^"]+\/null", 020666, 0x103\) failed: EEXIST: File exists$/),
    });
  });
});

describe('setxattr', () => {
  test('gives a directory the attribute by which overlay hides what is below', async () => {
    expect(await valuesOf('mount', ['setxattr'])).toEqual([
      ['new', 'old'],
      ['missing', 'ENODATA'],
      ['new', null],
      ['there', 'EEXIST', null],
      ['new'],
      'setxattr("nowhere", "trusted.name", "ab", 2, 0) failed: ENOENT: No such file or directory',
    ]);
  });
});
