// Level 05 in another shape: the namespaces come with clone, the id is as long as Docker's and its beginning is the
// hostname, which is written to /proc.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { box } from '#command-line';

box(({ image, imageDir, containerDir, command }) => {
  const layer = layerOf(imageDir, image);
  const id = randomBytes(32).toString('hex');
  const home = `${containerDir}/${id}`;
  for (const name of ['diff', 'work', 'merged']) fs.mkdirSync(`${home}/${name}`, { recursive: true });
  fs.chmodSync(`${home}/diff`, 0o755);
  const child = linux.clone(() => become(home, layer, command), linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.SIGCHLD);
  const { exitCode, signal } = linux.waitpid(child);
  return exitCode ?? 128 + signal!;
});

function become(home: string, layer: string, command: string[]): number {
  linux.mount('none', '/', null, linux.MS_REC | linux.MS_PRIVATE);
  fs.writeFileSync('/proc/sys/kernel/hostname', home.split('/').at(-1)!.slice(0, 12));
  const layers = `lowerdir=${layer},upperdir=${home}/diff,workdir=${home}/work`;
  linux.mount('layers', `${home}/merged`, 'overlay', linux.MS_NODEV, layers);
  process.chdir(`${home}/merged`);
  linux.pivot_root('.', '.');
  linux.umount2('.', linux.MNT_DETACH);
  linux.mount('proc', '/proc', 'proc');
  linux.mount('sysfs', '/sys', 'sysfs', linux.MS_RDONLY);
  linux.mount('tmpfs', '/dev', 'tmpfs', linux.MS_NOSUID, 'mode=0755');
  fs.mkdirSync('/dev/pts');
  linux.mount('devpts', '/dev/pts', 'devpts', linux.MS_NOSUID, 'newinstance,ptmxmode=0666');
  linux.umask(0);
  const devices: [string, number, number][] = [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ];
  for (const [name, major, minor] of devices) {
    linux.mknod(`/dev/${name}`, linux.S_IFCHR | 0o666, linux.makedev(major, minor));
  }
  linux.umask(0o022);
  fs.symlinkSync('pts/ptmx', '/dev/ptmx');
  fs.symlinkSync('/proc/self/fd', '/dev/fd');
  for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${index}`, `/dev/${name}`);
  try {
    return linux.execvp(command[0]!, command);
  } catch (error) {
    fs.writeSync(2, `${String(error)}\n`);
    return error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126;
  }
}

/** The unpacked image: what the link leads to, which is made at last. */
function layerOf(imageDir: string, image: string): string {
  const ready = `${imageDir}/${image}.layer`;
  if (fs.existsSync(ready)) return fs.realpathSync(ready);
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  const layer = fs.mkdtempSync(`${imageDir}/layer-`);
  const filter = (_name: string, entry: object): boolean => !('type' in entry && String(entry.type).endsWith('Device'));
  tar.extract({ file: archive, cwd: layer, sync: true, preservePaths: true, chmod: true, filter });
  fs.symlinkSync(layer, ready);
  return layer;
}
