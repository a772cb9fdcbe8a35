// Level 06 in another shape: fork twice and unshare in between. The first child only waits, the second is PID 1.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

box((options) => {
  const image = imageOf(options);
  fs.mkdirSync(options.containerDir, { recursive: true });
  const home = fs.mkdtempSync(path.join(options.containerDir, 'c-'));
  return inChild(() => {
    linux.unshare(linux.CLONE_NEWIPC);
    linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWNS);
    // Not for this process, but for its child.
    linux.unshare(linux.CLONE_NEWPID);
    return inChild(() => become(home, image, options.command));
  });
});

/** Runs `work` in a child that does not outlive this process, and returns how it ended. */
function inChild(work: () => number): number {
  const pid = linux.fork();
  if (pid === 0) {
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    linux._exit(work());
  }
  const { exitCode, signal } = linux.waitpid(pid);
  return signal === null ? exitCode! : 128 + signal;
}

function imageOf({ image, imageDir }: BoxOptions): string {
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  const layer = `${imageDir}/${image}.layer`;
  if (fs.existsSync(`${layer}/done`)) return `${layer}/files`;
  fs.mkdirSync(`${layer}/files`, { recursive: true });
  tar.extract({
    file: archive,
    cwd: `${layer}/files`,
    sync: true,
    preservePaths: true,
    chmod: true,
    filter: (_name, entry) => 'type' in entry && !/Device/.test(entry.type),
  });
  fs.writeFileSync(`${layer}/done`, '');
  return `${layer}/files`;
}

function become(home: string, image: string, command: string[]): number {
  const rest = linux.MS_NOSUID | linux.MS_NOEXEC;
  linux.mount(null, '/', null, linux.MS_SLAVE | linux.MS_REC);
  linux.sethostname(path.basename(home));
  for (const name of ['rw', 'wk', 'all']) fs.mkdirSync(`${home}/${name}`);
  fs.chmodSync(`${home}/rw`, 0o755);
  const layers = `lowerdir=${image},upperdir=${home}/rw,workdir=${home}/wk`;
  linux.mount('container', `${home}/all`, 'overlay', linux.MS_NODEV, layers);
  process.chdir(`${home}/all`);
  linux.mount('tmpfs', 'dev', 'tmpfs', linux.MS_NOSUID, 'mode=0755');
  linux.umask(0);
  for (const [name, minor] of [
    ['null', 3],
    ['zero', 5],
    ['full', 7],
    ['random', 8],
    ['urandom', 9],
  ] as const) {
    linux.mknod(`dev/${name}`, linux.S_IFCHR | 0o666, linux.makedev(1, minor));
  }
  linux.mknod('dev/tty', linux.S_IFCHR | 0o666, linux.makedev(5, 0));
  linux.umask(0o22);
  for (const name of ['pts', 'shm', 'mqueue']) fs.mkdirSync(`dev/${name}`);
  linux.mount('devpts', 'dev/pts', 'devpts', rest, 'newinstance,ptmxmode=0666,mode=0620,gid=5');
  linux.mount('shm', 'dev/shm', 'tmpfs', rest | linux.MS_NODEV, 'mode=1777');
  linux.mount('mqueue', 'dev/mqueue', 'mqueue', rest | linux.MS_NODEV, null);
  fs.symlinkSync('pts/ptmx', 'dev/ptmx');
  fs.symlinkSync('/proc/self/fd', 'dev/fd');
  for (const [number, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${number}`, `dev/${name}`);

  // The new root over the old one, which is then taken away from below it. See pivot_root(2).
  linux.pivot_root('.', '.');
  linux.umount2('.', linux.MNT_DETACH);
  process.chdir('/');
  linux.mount('proc', '/proc', 'proc', rest | linux.MS_NODEV);
  // As Docker does it: parts of /proc that are to be read only. The names in /proc/irq are numbers, but no processes.
  linux.mount('/proc/irq', '/proc/irq', null, linux.MS_BIND);
  linux.mount('none', '/proc/irq', null, linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY);
  linux.mount('sysfs', '/sys', 'sysfs', rest | linux.MS_NODEV | linux.MS_RDONLY);
  try {
    linux.execvp(command[0]!, command);
  } catch (problem) {
    fs.writeSync(2, `${String(problem)}\n`);
    return problem instanceof linux.LinuxError && problem.code === 'ENOENT' ? 127 : 126;
  }
}
