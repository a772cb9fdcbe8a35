// Level 03 in another shape: bound to itself after a slave mount, unpacked by the child through the bind mount, and the
// old root is stacked on the new one, which needs no directory. The other mounts come last.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { box } from '#command-line';

function inside(archive: string, home: string, command: string[]): never {
  linux.mount('', '/', null, linux.MS_SLAVE | linux.MS_REC);
  linux.mount(home, home, null, linux.MS_BIND | linux.MS_REC);
  linux.mount('none', home, null, linux.MS_PRIVATE);
  tar.extract({
    file: archive,
    cwd: home,
    sync: true,
    preservePaths: true,
    chmod: true,
    filter: (name) => !/\bdev\/./.test(name),
  });
  process.chdir(home);
  linux.pivot_root('.', '.');
  // Both roots are mounted on / now, and the old one is on top.
  linux.umount2('.', linux.MNT_DETACH);
  process.chdir('/');
  linux.mount('proc', '/proc', 'proc');
  linux.mount('sysfs', '/sys', 'sysfs', linux.MS_RDONLY);
  linux.mount('tmpfs', '/dev', 'tmpfs', linux.MS_NOSUID, 'mode=755');
  linux.umask(0);
  for (const [name, major, minor] of [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
    ['ptmx', 5, 2],
  ] as const) {
    linux.mknod(`/dev/${name}`, linux.S_IFCHR | 0o666, linux.makedev(major, minor));
  }
  linux.umask(0o022);
  fs.symlinkSync('/proc/self/fd', '/dev/fd');
  for (const [number, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${number}`, `/dev/${name}`);
  fs.mkdirSync('/dev/pts');
  linux.mount('devpts', '/dev/pts', 'devpts');
  fs.mkdirSync('/dev/shm');
  linux.mount('shm', '/dev/shm', 'tmpfs', linux.MS_NODEV, 'mode=1777');
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    fs.writeSync(2, `${String(error)}\n`);
    linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
  }
}

box(({ image, imageDir, containerDir, command }) => {
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/c-`);
  fs.chmodSync(home, 0o755);
  const child = linux.clone(() => inside(archive, home, command), linux.CLONE_NEWNS | linux.SIGCHLD);
  const { exitCode, signal } = linux.waitpid(child);
  return exitCode ?? 128 + signal!;
});
