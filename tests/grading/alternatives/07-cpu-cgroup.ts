// Level 07 in another shape: a process in between joins and makes the namespace, then clones; the cgroup lies deeper and
// has the share one level up; the name is another; removed in `finally`, with the one above where it is empty.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box } from '#command-line';

box(({ image, imageDir, containerDir, cpuShares, command }) => {
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/c-`);
  const name = home.split('/').at(-1)!;
  const lower = `${imageDir}/${image}-files`;
  if (!fs.existsSync(lower)) {
    const part = fs.mkdtempSync(`${lower}-`);
    fs.chmodSync(part, 0o755);
    const filter = (_path: string, entry: object): boolean =>
      !('type' in entry && String(entry.type).endsWith('Device'));
    tar.extract({ file: archive, cwd: part, sync: true, preservePaths: true, chmod: true, filter });
    fs.renameSync(part, lower);
  }

  const { version, mountPoint } = findController('cpu');
  const groups = ['containers.slice', 'busy', `${name}.scope`, 'payload'].map((_part, index, all) =>
    [mountPoint, ...all.slice(0, index + 1)].join('/'),
  );
  const [slice, , scope, payload] = groups as [string, string, string, string];
  try {
    for (const [index, group] of groups.entries()) {
      if (!fs.existsSync(group)) fs.mkdirSync(group);
      const above = groups[index - 1] ?? mountPoint;
      if (version === 2) fs.appendFileSync(`${above}/cgroup.subtree_control`, '+cpu\n');
    }
    if (cpuShares !== null) {
      const l = Math.log2(cpuShares);
      const weight = Math.round(10 ** ((l * (l + 125)) / 612 - 7 / 34));
      fs.writeFileSync(
        `${scope}/${version === 1 ? 'cpu.shares' : 'cpu.weight'}`,
        `${version === 1 ? cpuShares : weight}\n`,
      );
    }
    const between = linux.fork();
    if (between === 0) {
      linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
      fs.appendFileSync(`${payload}/${version === 1 ? 'tasks' : 'cgroup.procs'}`, String(linux.getpid()));
      linux.unshare(linux.CLONE_NEWCGROUP);
      const flags =
        linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;
      const child = linux.clone(() => inside(home, lower, command), flags | linux.SIGCHLD);
      const ended = linux.waitpid(child);
      linux._exit(ended.exitCode ?? 128 + ended.signal!);
    }
    const { exitCode, signal } = linux.waitpid(between);
    return exitCode ?? 128 + signal!;
  } finally {
    for (const group of groups.toReversed()) if (group !== slice && fs.existsSync(group)) removeWhereEmpty(group);
  }
});

function removeWhereEmpty(group: string): void {
  try {
    fs.rmdirSync(group);
  } catch (error) {
    // Another container is below it.
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}

function inside(home: string, lower: string, command: string[]): never {
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  linux.mount('', '/', null, linux.MS_SLAVE | linux.MS_REC);
  linux.sethostname(home.split('/').at(-1)!);
  for (const name of ['u', 'w', 'r']) fs.mkdirSync(`${home}/${name}`);
  fs.chmodSync(`${home}/u`, 0o755);
  const data = `lowerdir=${lower},upperdir=${home}/u,workdir=${home}/w`;
  linux.mount('root', `${home}/r`, 'overlay', linux.MS_NODEV, data);
  process.chdir(`${home}/r`);
  linux.pivot_root('.', '.');
  linux.umount2('.', linux.MNT_DETACH);
  process.chdir('/');
  const quiet = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC;
  linux.mount('proc', '/proc', 'proc', quiet);
  linux.mount('sysfs', '/sys', 'sysfs', quiet);
  linux.mount('dev', '/dev', 'tmpfs', linux.MS_NOSUID, 'mode=755');
  linux.umask(0);
  const numbers = { null: 3, zero: 5, full: 7, random: 8, urandom: 9 };
  for (const [name, minor] of Object.entries(numbers)) {
    linux.mknod(`/dev/${name}`, linux.S_IFCHR | 0o666, linux.makedev(1, minor));
  }
  linux.mknod('/dev/tty', linux.S_IFCHR | 0o666, linux.makedev(5, 0));
  linux.umask(0o022);
  ['stdin', 'stdout', 'stderr'].forEach((name, fd) => fs.symlinkSync(`/proc/self/fd/${fd}`, `/dev/${name}`));
  fs.symlinkSync('/proc/self/fd', '/dev/fd');
  fs.mkdirSync('/dev/pts');
  linux.mount('devpts', '/dev/pts', 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620');
  fs.symlinkSync('pts/ptmx', '/dev/ptmx');
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    fs.writeSync(2, `${String(error)}\n`);
    linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
  }
}
