// Level 03: take the host's files out of the container's mount table.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

/** Runs the command in a new container and returns the exit status to report for it. */
function run({ image, imageDir, containerDir, command }: BoxOptions): number {
  const archive = path.join(imageDir, `${image}.tar`);
  if (!fs.existsSync(archive)) throw new Error(`there is no image "${image}" in ${imageDir}`);
  fs.mkdirSync(containerDir, { recursive: true });
  const root = path.join(fs.mkdtempSync(path.join(containerDir, 'box-')), 'rootfs');
  unpack(archive, root);

  const pid = linux.fork();
  if (pid === 0) contain(root, command);

  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** Unpacks the image into `root`: links just as they are, device nodes left out. */
function unpack(archive: string, root: string): void {
  fs.mkdirSync(root, { recursive: true });
  tar.extract({
    file: archive,
    cwd: root,
    sync: true,
    // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
    preservePaths: true,
    // Or the umask would take from the modes: /tmp is for everybody to write into.
    chmod: true,
    filter: (_path, entry) => !('type' in entry && entry.type.endsWith('Device')),
  });
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(root: string, command: string[]): never {
  linux.unshare(linux.CLONE_NEWNS);
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted here would be mounted there, too.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);

  // TODO 1: pivot_root takes mounts, not directories. Make root one: bind it to itself (mount, MS_BIND).
  throw new Error('TODO 1: make root a mount, before anything is mounted below it');

  mountFilesystems(root);
  enterRoot(root);
  become(command);
}

/** Makes the mount at `root` the root of this mount namespace, and lets go of the old one. */
function enterRoot(root: string): void {
  // TODO 2: make a directory .old_root in root (fs.mkdirSync). Then, in place of the chroot: make root the root of the
  // mount namespace, and put the old one into that directory (pivot_root).
  linux.chroot(root);

  // TODO 3: pivot_root, too, moves only `/`. Leave this where it is.
  process.chdir('/');

  // TODO 4: the host is now at /.old_root. Detach it (umount2, MNT_DETACH).

  // TODO 5: remove the empty directory that it leaves (fs.rmdirSync).
}

/** Mounts what programs look for in every root: processes, the machine, devices. */
function mountFilesystems(root: string): void {
  linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** The devices that programs take for granted, by major and minor number: see the kernel's devices.txt. */
const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/** Fills a new /dev. */
function makeDevices(dev: string): void {
  // The umask takes bits from the mode of a new file, here the right to write of everybody but root.
  const umask = linux.umask(0);
  for (const [name, [major, minor]] of Object.entries(devices)) {
    linux.mknod(`${dev}/${name}`, linux.S_IFCHR | 0o666, linux.makedev(major, minor));
  }
  linux.umask(umask);

  fs.symlinkSync('/proc/self/fd', `${dev}/fd`);
  fs.symlinkSync('/proc/self/fd/0', `${dev}/stdin`);
  fs.symlinkSync('/proc/self/fd/1', `${dev}/stdout`);
  fs.symlinkSync('/proc/self/fd/2', `${dev}/stderr`);

  // Terminals that are made in the container, numbered from 0, apart from the host's.
  fs.mkdirSync(`${dev}/pts`);
  linux.mount(
    'devpts',
    `${dev}/pts`,
    'devpts',
    linux.MS_NOSUID | linux.MS_NOEXEC,
    'newinstance,ptmxmode=0666,mode=620',
  );
  fs.symlinkSync('pts/ptmx', `${dev}/ptmx`);
}

/** The child: becomes the command. Does not return. */
function become(command: string[]): never {
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(error.code === 'ENOENT' ? 127 : 126);
  }
}

box(run);
