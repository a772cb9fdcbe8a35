// Level 02: mounts of the container's own, and a /dev with what programs need.
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
  // TODO 1: leave the host's mount namespace for a new one (unshare, CLONE_NEWNS).
  throw new Error("TODO 1: leave the host's mount namespace, before anything is mounted");

  // TODO 2: the new table is a copy, still tied to the host's. Make `/` private, with all that is below it (mount with
  // MS_PRIVATE and MS_REC, and no type).

  mountFilesystems(root);
  linux.chroot(root);
  // chroot moves only `/`. The working directory is still outside, and `..` would lead on from there.
  process.chdir('/');
  become(command);
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

/** Fills a new /dev, which is the directory `dev`. */
function makeDevices(dev: string): void {
  // TODO 3: make a node for each of the devices (mknod, makedev): a character device (S_IFCHR) that everybody may read
  // and write (0o666). The umask takes bits away from that: set it to 0 before, and back afterwards (umask).
  // TODO 4: make the links fd, stdin, stdout and stderr to /proc/self/fd, and to 0, 1 and 2 in it (fs.symlinkSync).
  // TODO 5: make the directory pts and mount a devpts on it, with the options newinstance, ptmxmode=0666 and mode=620.
  // Then make the link ptmx to pts/ptmx.
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
