// Level 01: give the command a root directory of its own, unpacked from an image.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

/** Runs the command in a new container and returns the exit status to report for it. */
function run({ image, imageDir, containerDir, command }: BoxOptions): number {
  const archive = path.join(imageDir, `${image}.tar`);
  // TODO 6: where the archive is missing, throw an error that says so, before anything is made.

  // TODO 1: make a directory for this container alone: in containerDir, which may not be there yet, with a name that
  // nobody else has (fs.mkdtempSync). In it, root is the directory 'rootfs'.
  const root = '/';
  unpack(archive, root);

  const pid = linux.fork();
  if (pid === 0) contain(root, command);

  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** Unpacks the image into `root`: links just as they are, device nodes left out. */
function unpack(archive: string, root: string): void {
  // TODO 1: make the directory root (fs.mkdirSync) and unpack the archive into it (tar.extract: file, cwd and sync).

  // TODO 2: look at bin/sh in what you unpacked, and at `tar tvf` of the image: is the link the same? (preservePaths).
  // Look at the mode of tmp, too (chmod).
  // Device nodes are not an image's business: leave entries of type CharacterDevice and BlockDevice out (filter).

  throw new Error('TODO 1: unpack the image into a directory of the container');
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(root: string, command: string[]): never {
  // TODO 3: mount what programs look for: proc on /proc, sysfs on /sys, tmpfs on /dev, each below root.

  // TODO 4: make root the `/` of this process (chroot).

  // TODO 5: the working directory is still outside: move it in (process.chdir).

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
