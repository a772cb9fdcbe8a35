// Level 04 in another shape: tar(1), a link as the sign that an image is complete, layers named from the working
// directory, a layer between image and container as Docker has it, pivot_root without a directory for the old root, and
// nothing kept of a container that has ended.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as linux from '#linux';
import { box } from '#command-line';

const character = linux.S_IFCHR | 0o666;

box(({ image, imageDir, containerDir, command }) => {
  const layer = layerOf(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/c-`);
  const child = linux.clone(() => {
    linux.mount('none', '/', null, linux.MS_REC | linux.MS_SLAVE);
    process.chdir(home);
    for (const name of ['init', 'diff', 'work', 'merged']) fs.mkdirSync(name, { mode: 0o755 });
    // The umask may have taken bits away.
    fs.chmodSync('diff', 0o755);
    linux.mount(
      'layers',
      'merged',
      'overlay',
      0,
      `workdir=work,upperdir=diff,lowerdir=init:${path.relative(home, layer)}`,
    );
    linux.mount('none', 'merged', null, linux.MS_REMOUNT | linux.MS_BIND | linux.MS_NODEV | linux.MS_NOATIME);
    process.chdir('merged');
    linux.pivot_root('.', '.');
    linux.umount2('.', linux.MNT_DETACH);
    linux.mount('proc', '/proc', 'proc');
    linux.mount('sysfs', '/sys', 'sysfs', linux.MS_RDONLY);
    linux.mount('tmpfs', '/dev', 'tmpfs', linux.MS_NOSUID, 'mode=0755');
    linux.mount('tmpfs', '/tmp', 'tmpfs', linux.MS_NOSUID | linux.MS_NODEV, 'mode=1777');
    linux.umask(0);
    const devices: [string, number, number][] = [
      ['null', 1, 3],
      ['zero', 1, 5],
      ['full', 1, 7],
      ['random', 1, 8],
      ['urandom', 1, 9],
      ['tty', 5, 0],
    ];
    for (const [name, major, minor] of devices) linux.mknod(`/dev/${name}`, character, linux.makedev(major, minor));
    for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) {
      fs.symlinkSync(`/proc/self/fd/${index}`, `/dev/${name}`);
    }
    fs.symlinkSync('/proc/self/fd', '/dev/fd');
    fs.mkdirSync('/dev/pts', { mode: 0o755 });
    linux.mount('devpts', '/dev/pts', 'devpts', linux.MS_NOSUID, 'newinstance,ptmxmode=0666');
    fs.symlinkSync('/dev/pts/ptmx', '/dev/ptmx');
    linux.umask(0o022);
    try {
      return linux.execvp(command[0]!, command);
    } catch (error) {
      fs.writeSync(2, `${String(error)}\n`);
      return error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126;
    }
  }, linux.CLONE_NEWNS | linux.SIGCHLD);
  const { exitCode, signal } = linux.waitpid(child);
  fs.rmSync(home, { recursive: true });
  return exitCode ?? 128 + signal!;
});

/** The unpacked image: what the link leads to, which is made at last. */
function layerOf(imageDir: string, image: string): string {
  const ready = `${imageDir}/${image}.layer`;
  if (fs.existsSync(ready)) return fs.realpathSync(ready);
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  const layer = fs.mkdtempSync(`${imageDir}/layer-`);
  execFileSync('tar', [
    '--extract',
    '--preserve-permissions',
    '--exclude=dev/*',
    `--directory=${layer}`,
    `--file=${archive}`,
  ]);
  try {
    fs.symlinkSync(layer, ready);
  } catch {
    fs.rmSync(layer, { recursive: true });
  }
  return fs.realpathSync(ready);
}
