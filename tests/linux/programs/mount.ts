// Mounts, the root directory, and special files.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, inChild, print, runCase, thrown } from './cases.ts';

/** Where something is mounted. */
function mountPoints(): string[] {
  const table = fs.readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return table.map((line) => line.split(' ')[4]!);
}

/** Makes the directory and returns its absolute path: the mount table has no others. */
function directory(name: string): string {
  fs.mkdirSync(name, { recursive: true });
  return fs.realpathSync(name);
}

/** A tmpfs of its own at `name`. */
function tmpfs(name: string, flags = 0, data = ''): string {
  const place = directory(name);
  linux.mount('tmpfs', place, 'tmpfs', flags, data);
  return place;
}

/** Whether a mount made in a child after `prepare` shows in the child and in the parent, whose mounts are shared. */
function seenBy(prepare: () => void): void {
  linux.mount(null, '/', null, linux.MS_SHARED | linux.MS_REC);
  const place = directory('propagated');
  inChild(() => {
    linux.unshare(linux.CLONE_NEWNS);
    prepare();
    linux.mount('tmpfs', place, 'tmpfs');
    fs.writeFileSync(`${place}/file`, '');
    print({ child: mountPoints().includes(place) && fs.existsSync(`${place}/file`) });
  });
  print({ parent: mountPoints().includes(place) || fs.existsSync(`${place}/file`) });
}

/** In a child with mounts of its own: a root filesystem in a tmpfs, and the host's mounts beside it. */
function inNewRoot(body: (newRoot: string) => void): void {
  const { exitCode, signal } = inChild(() => {
    linux.unshare(linux.CLONE_NEWNS);
    linux.mount(null, '/', null, linux.MS_PRIVATE | linux.MS_REC);
    const newRoot = tmpfs('root');
    fs.mkdirSync(`${newRoot}/old_root`);
    fs.writeFileSync(`${newRoot}/inside`, 'inside');
    body(newRoot);
  });
  print({ exitCode, signal });
}

await runCase({
  setxattr() {
    const place = tmpfs('attributes');
    for (const [layer, file] of [
      ['below', 'old'],
      ['above', 'new'],
    ]) {
      fs.mkdirSync(`${place}/${layer}/data`, { recursive: true });
      fs.writeFileSync(`${place}/${layer}/data/${file}`, '');
    }
    const root = directory('merged');
    const merged = (): string[] => {
      linux.mount('overlay', root, 'overlay', 0, `lowerdir=${place}/above:${place}/below`);
      const names = fs.readdirSync(`${root}/data`).sort();
      linux.umount(root);
      return names;
    };
    print(merged());
    const set = (flags?: number): unknown =>
      codeOf(() => linux.setxattr(`${place}/above/data`, 'trusted.overlay.opaque', 'y', flags));
    print(['missing', set(linux.XATTR_REPLACE)]);
    print(['new', set()]);
    print(['there', set(linux.XATTR_CREATE), set(linux.XATTR_REPLACE)]);
    print(merged());
    print(thrown(() => linux.setxattr('nowhere', 'trusted.name', Buffer.from('ab')))?.['message']);
  },

  proc() {
    const place = directory('proc');
    linux.mount('proc', place, 'proc', 0, '');
    const pids = (from: string) => fs.readdirSync(from).filter((name) => /^\d+$/.test(name));
    const same = (file: string) => fs.readFileSync(place + file, 'utf8') === fs.readFileSync(`/proc${file}`, 'utf8');
    print({
      pids: pids(place),
      samePids: String(pids(place)) === String(pids('/proc')),
      self: fs.readlinkSync(`${place}/self`) === String(linux.getpid()),
      same: ['/version', '/filesystems', '/devices'].map(same),
    });
    linux.umount(place);
    print(fs.readdirSync(place));
  },
  sysfs() {
    const place = directory('sys');
    linux.mount('sysfs', place, 'sysfs', 0, '');
    const same = (name: string) => String(fs.readdirSync(place + name)) === String(fs.readdirSync(`/sys${name}`));
    print({ entries: fs.readdirSync(place).length > 5, same: ['', '/kernel', '/devices', '/block'].map(same) });
  },
  tmpfs() {
    const place = tmpfs('small', 0, 'size=64k,mode=0750');
    const { type, blocks, bsize } = fs.statfsSync(place);
    const mode = fs.statSync(place).mode & 0o7777;
    const full = () => fs.writeFileSync(`${place}/file`, Buffer.alloc(65_537));
    print({ isTmpfs: type === 0x0102_1994, bytes: blocks * bsize, mode: mode.toString(8), full: systemCode(full) });
  },
  flags() {
    const place = tmpfs('flags', linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_NOSUID);
    linux.mknod(`${place}/null`, linux.S_IFCHR | 0o666, linux.makedev(1, 3));
    fs.writeFileSync(`${place}/script`, '#!/bin/sh\n', { mode: 0o755 });
    const openDevice = () => fs.openSync(`${place}/null`, 'r');
    print({ open: systemCode(openDevice), exec: codeOf(() => linux.execvp(`${place}/script`, ['script'])) });
    linux.mount('tmpfs', place, 'tmpfs', linux.MS_REMOUNT | linux.MS_RDONLY);
    print({ write: systemCode(() => fs.writeFileSync(`${place}/script`, 'x')), open: systemCode(openDevice) });
  },
  bind() {
    const outer = tmpfs('outer');
    tmpfs('outer/inner');
    fs.writeFileSync(`${outer}/inner/file`, 'deep');
    const flat = directory('flat');
    const deep = directory('deep');
    linux.mount(outer, flat, null, linux.MS_BIND);
    linux.mount(outer, deep, null, linux.MS_BIND | linux.MS_REC, null);
    print({ flat: fs.readdirSync(`${flat}/inner`), deep: fs.readdirSync(`${deep}/inner`) });
    const moved = directory('moved');
    linux.mount(flat, moved, null, linux.MS_MOVE);
    print({ flat: fs.readdirSync(flat), moved: fs.readdirSync(moved) });
  },
  umount() {
    const place = tmpfs('busy');
    const fd = fs.openSync(`${place}/file`, 'w');
    print([codeOf(() => linux.umount(place)), codeOf(() => linux.umount2(place, 0))]);
    linux.umount2(place, linux.MNT_DETACH);
    fs.writeSync(fd, 'still open');
    print(fs.readdirSync(place));
    const link = `${process.cwd()}/link`;
    const again = tmpfs('again');
    fs.symlinkSync(again, link);
    print([
      thrown(() => linux.umount2(link, linux.UMOUNT_NOFOLLOW)),
      thrown(() => linux.umount2(again, linux.MNT_EXPIRE)),
    ]);
    linux.umount2(again, linux.MNT_EXPIRE);
    print(thrown(() => linux.umount(again)));
  },

  private: () => seenBy(() => linux.mount(null, '/', null, linux.MS_PRIVATE | linux.MS_REC)),
  slave: () => seenBy(() => linux.mount(null, '/', null, linux.MS_SLAVE | linux.MS_REC)),
  shared: () => seenBy(() => {}),

  errors() {
    const place = directory('place');
    // MS_NOUSER, bit 31, is the kernel's own.
    print(thrown(() => linux.mount('tmpfs', place, 'tmpfs', linux.MS_NODEV | (1 << 31), 'size=1m')));
    print([
      thrown(() => linux.mount('proc', '/no/such/place', 'proc', 0, '')),
      thrown(() => linux.mount('overlay', place, 'overlayfs', 0, '')),
      thrown(() => linux.mount(null, place, null, linux.MS_REC | linux.MS_PRIVATE, null)),
      thrown(() => linux.umount2(place, linux.MNT_DETACH)),
    ]);
    const mount = linux.mount as (...args: unknown[]) => void;
    print(
      [
        () => mount(undefined, place, 'tmpfs'),
        () => mount('tmpfs', undefined, 'tmpfs'),
        () => mount('tmpfs', place, 'tmpfs', '0'),
        () => mount('tmpfs', place, 'tmpfs', 2 ** 32),
        () => mount('tmpfs', place, 'tmpfs', undefined, ['size=1m']),
        () => mount('tmpfs', `${place}\0`, 'tmpfs'),
      ].map((body) => thrown(body)?.['message']),
    );
    print(mountPoints().includes(place));
  },

  pivot: () =>
    inNewRoot((newRoot) => {
      linux.pivot_root(newRoot, `${newRoot}/old_root`);
      process.chdir('/');
      print({ root: fs.readdirSync('/'), host: fs.existsSync('/old_root/proc/self') });
      print(codeOf(() => linux.umount('/old_root')));
      linux.umount2('/old_root', linux.MNT_DETACH);
      fs.rmdirSync('/old_root');
      linux.mount('proc', directory('/proc'), 'proc');
      print({ root: fs.readdirSync('/'), above: fs.readdirSync('/..'), mounts: mountPoints() });
    }),
  'pivot-errors': () =>
    inNewRoot((newRoot) => {
      const plain = directory('plain');
      const shared = tmpfs('shared');
      fs.mkdirSync(`${shared}/old_root`);
      linux.mount(null, shared, null, linux.MS_SHARED);
      print({
        // No mount point: the answer depends on the filesystem it is on, the root's or another.
        onRoot: thrown(() => linux.pivot_root('/etc', '/etc'))?.['message'],
        onAnother: thrown(() => linux.pivot_root(plain, plain))?.['message'],
        putOldIsRoot: codeOf(() => linux.pivot_root(newRoot, '/')),
        noPutOld: codeOf(() => linux.pivot_root(newRoot, `${newRoot}/missing`)),
        putOldOutside: thrown(() => linux.pivot_root(newRoot, plain))?.['message'],
        shared: codeOf(() => linux.pivot_root(shared, `${shared}/old_root`)),
      });
    }),
  chroot: () =>
    inNewRoot((newRoot) => {
      const before = process.cwd();
      print([codeOf(() => linux.chroot('/no/such/place')), codeOf(() => linux.chroot(`${newRoot}/inside`))]);
      linux.chroot(newRoot);
      // Still on the host: chroot changes what `/` means, and nothing else.
      const outside = fs.existsSync('root/inside') && !fs.existsSync(before);
      process.chdir('/');
      print({ outside, root: fs.readdirSync('/'), above: fs.readdirSync('..') });
    }),

  special() {
    const place = fs.realpathSync('.');
    const show = (name: string) => {
      const { mode, rdev } = fs.statSync(`${place}/${name}`);
      return { mode: mode.toString(8), rdev };
    };
    const old = linux.umask(0);
    linux.mknod(`${place}/null`, linux.S_IFCHR | 0o666, linux.makedev(1, 3));
    linux.mknod(`${place}/loop`, linux.S_IFBLK | 0o660, linux.makedev(7, 300));
    linux.mknod(`${place}/pipe`, linux.S_IFIFO | 0o600, 0);
    linux.mknod(`${place}/socket`, linux.S_IFSOCK | 0o600, 0);
    linux.mknod(`${place}/untyped`, 0o644, linux.makedev(1, 3));
    print(Object.fromEntries(['null', 'loop', 'pipe', 'socket', 'untyped'].map((name) => [name, show(name)])));
    const nowhere = fs.openSync(`${place}/null`, 'r+');
    print({ written: fs.writeSync(nowhere, 'away'), read: fs.readSync(nowhere, Buffer.alloc(4)) });
    print({ old: old.toString(8), before: linux.umask(0o027) });
    linux.mknod(`${place}/masked`, linux.S_IFCHR | 0o666, linux.makedev(1, 5));
    print(show('masked'));
    print(thrown(() => linux.mknod(`${place}/null`, linux.S_IFCHR | 0o666, linux.makedev(1, 3))));
  },
});

/** The code of an error that Node's own file functions throw. */
function systemCode(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  return null;
}
