// Level 02 in another shape: a clone with the namespace in it, slaves in place of private mounts, /dev filled after the
// chroot: some nodes made and some shown from the host, ptmx as a node, and more mounts than anybody asked for.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { box } from '#command-line';

const made: [name: string, major: number, minor: number][] = [
  ['null', 1, 3],
  ['full', 1, 7],
  ['tty', 5, 0],
  ['ptmx', 5, 2],
];
const shown = ['zero', 'random', 'urandom'];

function fill(command: string[], home: string): never {
  linux.mount(null, '/', null, linux.MS_REC | linux.MS_SLAVE, null);
  linux.mount('none', `${home}/dev`, 'tmpfs', linux.MS_NOEXEC | linux.MS_STRICTATIME, 'size=64k');
  for (const name of shown) {
    fs.writeFileSync(`${home}/dev/${name}`, '');
    linux.mount(`/dev/${name}`, `${home}/dev/${name}`, null, linux.MS_BIND);
  }
  process.chdir(home);
  linux.chroot('.');
  process.chdir('/dev');
  linux.mount('none', '/proc', 'proc');
  linux.mount('none', '/sys', 'sysfs', linux.MS_RDONLY);
  for (const [name, major, minor] of made) {
    linux.mknod(name, linux.S_IFCHR, linux.makedev(major, minor));
    fs.chmodSync(name, 0o666);
  }
  fs.symlinkSync('../proc/self/fd', 'fd');
  for (const [number, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${number}`, name);
  for (const [name, type] of [
    ['pts', 'devpts'],
    ['shm', 'tmpfs'],
    ['mqueue', 'mqueue'],
  ] as const) {
    fs.mkdirSync(name);
    linux.mount(type, `/dev/${name}`, type);
  }
  process.chdir('/');
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
  tar.extract({
    file: archive,
    cwd: home,
    sync: true,
    preservePaths: true,
    chmod: true,
    filter: (name) => !/^(\.\/)?dev\/./.test(name),
  });
  const child = linux.clone(() => fill(command, home), linux.CLONE_NEWNS | linux.SIGCHLD);
  const { exitCode, signal } = linux.waitpid(child);
  return exitCode ?? 128 + signal!;
});
