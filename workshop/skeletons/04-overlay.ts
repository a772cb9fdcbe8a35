// Level 04: one image for all containers, and a layer of its own for each.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

/** Runs the command in a new container and returns the exit status to report for it. */
function run({ image, imageDir, containerDir, command }: BoxOptions): number {
  const lowerdir = unpackOnce(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));

  const pid = linux.fork();
  if (pid === 0) contain(directory, lowerdir, command);

  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** The directory of the image, unpacked when it is first needed. All containers read it, and none may change it. */
function unpackOnce(imageDir: string, image: string): string {
  const archive = path.join(imageDir, `${image}.tar`);
  if (!fs.existsSync(archive)) throw new Error(`there is no image "${image}" in ${imageDir}`);

  // TODO 2: this makes a new directory for each container. Let it be imageDir/IMAGE/rootfs, the same for all; where it
  // is there already (fs.existsSync), return it before you look for the archive.
  const lowerdir = fs.mkdtempSync(path.join(imageDir, `${image}-`));
  // TODO 3: what has this name must be complete. Unpack into another new directory beside it, of mode 0755, and give
  // that the name at the end (fs.renameSync). Another runtime may have done the same, and been faster.
  tar.extract({
    file: archive,
    cwd: lowerdir,
    sync: true,
    // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
    preservePaths: true,
    // Or the umask would take from the modes: /tmp is for everybody to write into.
    chmod: true,
    filter: (_path, entry) => !('type' in entry && entry.type.endsWith('Device')),
  });
  return lowerdir;
}

/** Mounts the container's root and returns where: the image below, and above it what this container writes. */
function mountRoot(directory: string, lowerdir: string): string {
  // TODO 1: make the directories that an overlay needs besides lowerdir (fs.mkdirSync): upperdir for what is written,
  // workdir for the kernel, and root, where the layers will be seen as one. Then mount it on root (linux.mount): the type
  // is overlay, and the data names lowerdir, upperdir and workdir.

  // TODO 4: let these three lie in directory, which belongs to this container alone.

  // TODO 6: `/` takes its mode from upperdir: let every user enter it, whatever the umask is (fs.chmodSync).

  // TODO 7: let device nodes on it open no device (MS_NODEV).

  // TODO 5: return root. What is made for this container from here on, be it only /.old_root, must not go to lowerdir.

  throw new Error('TODO 1: make the directories for an overlay, and mount it');
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(directory: string, lowerdir: string, command: string[]): never {
  linux.unshare(linux.CLONE_NEWNS);
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted here would be mounted there, too.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);

  const root = mountRoot(directory, lowerdir);
  mountFilesystems(root);
  enterRoot(root);
  become(command);
}

/** Makes the mount at `root` the root of this mount namespace, and lets go of the old one. */
function enterRoot(root: string): void {
  // Everything of the host has to be somewhere while we still stand in it: here, for two more calls.
  const putOld = path.join(root, '.old_root');
  fs.mkdirSync(putOld);
  linux.pivot_root(root, putOld);
  process.chdir('/');
  // MNT_DETACH, for this program still runs from there: a plain umount answers EBUSY.
  linux.umount2('/.old_root', linux.MNT_DETACH);
  fs.rmdirSync('/.old_root');
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
