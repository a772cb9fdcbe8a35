// Level 08 in another shape: limits parsed by hand, one table of files by version, the parent asks before it removes.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box } from '#command-line';

box(({ image, imageDir, containerDir, cpuShares, memory, memorySwap, command }) => {
  const size = (option: string, word: string): number => {
    const unit = 'kmg'.indexOf(word.slice(-1).toLowerCase());
    const digits = unit === -1 || word === '' ? word.replace(/b$/i, '') : word.slice(0, -1);
    if (!/^[0-9]+$/.test(digits)) throw new Error(`${option}: "${word}" is no size`);
    return Number(digits) * 1024 ** (word === '' ? 0 : unit + 1);
  };
  const limit = memory === null ? null : size('--memory', memory);
  if (limit === null && memorySwap !== null) throw new Error('--memory-swap without --memory');
  const unlimited = memorySwap === '-1';
  const sum = limit === null || unlimited ? null : memorySwap === null ? limit * 2 : size('--memory-swap', memorySwap);
  if (sum !== null && sum < limit!) throw new Error('--memory-swap is less than --memory');

  const layer = `${imageDir}/${image}.unpacked`;
  if (!fs.existsSync(layer)) {
    if (!fs.existsSync(`${imageDir}/${image}.tar`)) throw new Error(`no image ${image}`);
    const part = fs.mkdtempSync(`${layer}.part-`);
    fs.chmodSync(part, 0o755);
    const filter = (_path: string, entry: object): boolean =>
      !('type' in entry && String(entry.type).endsWith('Device'));
    const options = { sync: true, preservePaths: true, chmod: true, filter } as const;
    tar.extract({ ...options, file: `${imageDir}/${image}.tar`, cwd: part });
    fs.renameSync(part, layer);
  }
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/u-`);
  const id = home.split('/').at(-1)!;
  for (const name of ['up', 'wk', 'mnt']) fs.mkdirSync(`${home}/${name}`);
  fs.chmodSync(`${home}/up`, 0o755);

  const groups = (['cpu', 'memory'] as const).map((name) => {
    const { version, mountPoint } = findController(name);
    fs.mkdirSync(`${mountPoint}/boxwright`, { recursive: true });
    if (version === 2) {
      for (const above of ['', '/boxwright']) {
        fs.writeFileSync(`${mountPoint}${above}/cgroup.subtree_control`, `+${name}`);
      }
    }
    fs.mkdirSync(`${mountPoint}/boxwright/${id}`, { recursive: true });
    return `${mountPoint}/boxwright/${id}`;
  });

  const [group, { version }] = [groups[1]!, findController('memory')];
  const set = (file: string, value: number | string): void => {
    if (!fs.existsSync(`${group}/${file}`)) return;
    try {
      fs.writeFileSync(`${group}/${file}`, String(value));
    } catch (error) {
      for (const one of new Set(groups)) fs.rmdirSync(one);
      throw error;
    }
  };
  if (limit !== null && version === 2) {
    set('memory.max', limit);
    set('memory.swap.max', sum === null ? 'max' : sum - limit);
  } else if (limit !== null) {
    set('memory.limit_in_bytes', limit);
    set('memory.memsw.limit_in_bytes', sum ?? -1);
  }

  if (cpuShares !== null && findController('cpu').version === 1) {
    fs.writeFileSync(`${groups[0]}/cpu.shares`, `${cpuShares}`);
  } else if (cpuShares !== null) {
    const power = (Math.log2(cpuShares) ** 2 + 125 * Math.log2(cpuShares)) / 612 - 7 / 34;
    fs.writeFileSync(`${groups[0]}/cpu.weight`, `${Math.ceil(10 ** power)}`);
  }

  const all = linux.CLONE_NEWPID | linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC;
  const pid = linux.clone(() => {
    for (const one of new Set(groups)) fs.writeFileSync(`${one}/cgroup.procs`, '0');
    linux.unshare(linux.CLONE_NEWCGROUP);
    linux.sethostname(id);
    linux.mount(null, '/', null, linux.MS_REC | linux.MS_PRIVATE, null);
    const data = `lowerdir=${layer},upperdir=${home}/up,workdir=${home}/wk`;
    linux.mount('root', `${home}/mnt`, 'overlay', linux.MS_NODEV, data);
    process.chdir(`${home}/mnt`);
    linux.mount('p', 'proc', 'proc');
    linux.mount('s', 'sys', 'sysfs', linux.MS_RDONLY);
    linux.mount('d', 'dev', 'tmpfs', linux.MS_NOSUID, 'mode=0755');
    linux.umask(0);
    const nodes = { null: 3, zero: 5, full: 7, random: 8, urandom: 9 };
    for (const [name, minor] of Object.entries(nodes)) {
      linux.mknod(`dev/${name}`, linux.S_IFCHR | 0o666, linux.makedev(1, minor));
    }
    linux.mknod('dev/tty', linux.S_IFCHR | 0o666, linux.makedev(5, 0));
    linux.umask(0o22);
    fs.symlinkSync('/proc/self/fd', 'dev/fd');
    for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${index}`, `dev/${name}`);
    fs.mkdirSync('dev/pts');
    linux.mount('pts', 'dev/pts', 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=666,mode=620');
    fs.symlinkSync('pts/ptmx', 'dev/ptmx');
    linux.pivot_root('.', '.');
    linux.umount2('.', linux.MNT_DETACH);
    process.chdir('/');
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    try {
      linux.execvp(command[0]!, command);
    } catch (error) {
      fs.writeSync(2, `${String(error)}\n`);
      linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
    }
  }, all | linux.SIGCHLD);
  const ended = linux.waitpid(pid);
  const events = fs.readFileSync(`${group}/memory.${version === 2 ? 'events' : 'oom_control'}`, 'utf8');
  if (!/^oom_kill 0$/m.test(events)) process.stderr.write('out of memory: the kernel had to kill in this container\n');
  for (const one of new Set(groups)) fs.rmdirSync(one);
  return ended.signal === null ? ended.exitCode! : 128 + ended.signal;
});
