// Level 01: give the command a root directory of its own, unpacked from an image.
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
  linux.mount('proc', `${root}/proc`, 'proc');
  linux.mount('sysfs', `${root}/sys`, 'sysfs');
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');

  linux.chroot(root);
  // chroot moves only `/`. The working directory is still outside, and `..` would lead on from there.
  process.chdir('/');
  become(command);
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
