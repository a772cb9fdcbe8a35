// What an engine does before it calls a runtime: the image unpacked once, and an overlay of the container's own on it.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import type { BoxOptions } from '#command-line';

/** A container whose root is mounted, in a mount namespace of this process's own. */
export type Prepared = { id: string; directory: string; root: string };

/** Moves this process into a mount namespace of its own, with all cgroup hierarchies. To be called in a child. */
export function enterOwnMounts(): void {
  linux.unshare(linux.CLONE_NEWNS);
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
  mountCgroups();
}

/** Prepares a container's root. To be called in a child: it leaves the mount namespace of its parent. */
export function prepareRoot({ directory, lowerdir }: { directory: string; lowerdir: string }): Prepared {
  const [upper, work, root] = ['upper', 'work', 'root'].map((name) => `${directory}/${name}`) as [
    string,
    string,
    string,
  ];
  for (const made of [upper, work, root]) fs.mkdirSync(made);
  fs.chmodSync(upper, 0o755);
  enterOwnMounts();
  linux.mount('overlay', root, 'overlay', linux.MS_NODEV, `lowerdir=${lowerdir},upperdir=${upper},workdir=${work}`);
  return { id: directory.split('/').at(-1)!, directory, root };
}

/** Makes the container's directory, and has the image unpacked. @throws Error where there is no such image */
export function prepareDirectory(options: BoxOptions): { directory: string; lowerdir: string } {
  const lowerdir = unpackOnce(options);
  fs.mkdirSync(options.containerDir, { recursive: true });
  return { directory: fs.mkdtempSync(`${options.containerDir}/box-`), lowerdir };
}

function unpackOnce({ image, imageDir }: BoxOptions): string {
  const lowerdir = `${imageDir}/${image}/rootfs`;
  if (fs.existsSync(lowerdir)) return lowerdir;
  const file = `${imageDir}/${image}.tar`;
  if (!fs.existsSync(file)) throw new Error(`there is no image "${image}" in ${imageDir}`);
  fs.mkdirSync(`${imageDir}/${image}`, { recursive: true });
  const cwd = fs.mkdtempSync(`${lowerdir}-`);
  fs.chmodSync(cwd, 0o755);
  tar.extract({ file, cwd, sync: true, preservePaths: true, chmod: true });
  fs.renameSync(cwd, lowerdir);
  return lowerdir;
}

/** v1: runc wants also the controller for devices below /sys/fs/cgroup, which the testbed's host has not mounted. */
function mountCgroups(): void {
  const top = '/sys/fs/cgroup';
  if (fs.existsSync(`${top}/cgroup.controllers`)) return;
  linux.mount('tmpfs', top, 'tmpfs');
  for (const line of fs.readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const controllers = line.split(':')[1] ?? '';
    if (controllers === '' || controllers.startsWith('name=')) continue;
    fs.mkdirSync(`${top}/${controllers}`);
    linux.mount('cgroup', `${top}/${controllers}`, 'cgroup', 0, controllers);
  }
}
