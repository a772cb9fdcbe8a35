// Containers that stay, in another shape: whether one runs says a lock that the kernel takes away with its holders; each
// fact is a file of its own; namespaces are entered one by one; volumes are moved into their place; two processes hand on
// between the terminals.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box, type LifecycleOptions } from '#command-line';

const cell = new Int32Array(new SharedArrayBuffer(4));
const sleep = (milliseconds: number): void => void Atomics.wait(cell, 0, 0, milliseconds);
const code = ({ exitCode, signal }: linux.ExitStatus): number => exitCode ?? 128 + signal!;

/** Puts a fact beside the others; a file that is there is whole. */
function tell(home: string, fact: string, value: string): void {
  fs.writeFileSync(`${home}/.part-${fact}`, value);
  fs.renameSync(`${home}/.part-${fact}`, `${home}/${fact}`);
}
const fact = (home: string, name: string): string | null =>
  fs.existsSync(`${home}/${name}`) ? fs.readFileSync(`${home}/${name}`, 'utf8') : null;

/** Whether a process of the container holds its lock. */
function runs(home: string): boolean {
  const fd = fs.openSync(`${home}/lock`, 'r');
  try {
    linux.flock(fd, linux.LOCK_SH | linux.LOCK_NB);
    return false;
  } catch (error) {
    if (!(error instanceof linux.LinuxError) || error.code !== 'EAGAIN') throw error;
    return true;
  } finally {
    fs.closeSync(fd);
  }
}

function homeOf({ containerDir, id }: { containerDir: string; id: string }): string {
  const home = `${containerDir}/${id}`;
  if (!fs.existsSync(`${home}/words`)) throw new Error(`no container ${id}`);
  return home;
}

/** PID 1 of one that runs: as long as its keeper holds the lock and has not waited for it, nobody else gets the pid. */
function pidOf(home: string): number {
  const pid = fact(home, 'pid');
  if (pid === null || !runs(home)) throw new Error('it does not run');
  return Number(pid);
}

const groups = (id: string): string[] => [
  ...new Set((['cpu', 'memory'] as const).map((name) => `${findController(name).mountPoint}/boxwright/${id}`)),
];

const signals = Array.from({ length: 31 }, (_none, index) => index + 1).filter(
  (signal) => ![linux.SIGKILL, linux.SIGSTOP, 4, 5, 7, 8, 11].includes(signal),
);

function supervise(start: () => never): never {
  linux.sigprocmask(linux.SIG_SETMASK, signals);
  const child = linux.fork();
  if (child === 0) start();
  for (let signal = 0; ; signal = linux.sigwaitinfo(signals)) {
    if (signal !== 0 && signal !== linux.SIGCHLD) linux.kill(child, signal);
    for (let ended = linux.waitpid(-1, linux.WNOHANG); ended.pid !== 0; ended = linux.waitpid(-1, linux.WNOHANG)) {
      if (ended.pid === child) linux._exit(code(ended));
    }
  }
}

/** Copies in a process of its own until one of the two ends. */
function copier(from: number, to: number): number {
  const pid = linux.fork();
  if (pid !== 0) return pid;
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  const bytes = Buffer.alloc(4096);
  try {
    for (let length = fs.readSync(from, bytes); length > 0; length = fs.readSync(from, bytes)) {
      fs.writeFileSync(to, bytes.subarray(0, length));
    }
  } catch {
    // EIO: nobody is at the terminal any more.
  }
  linux._exit(0);
}

/** Waits for the process, at the terminal that it sends. */
function atTerminal(socket: number, pid: number): linux.ExitStatus {
  let master: number;
  try {
    master = linux.recv_fd(socket);
  } catch {
    return linux.waitpid(pid);
  }
  const settings = linux.tcgetattr(0);
  linux.tcsetattr(0, linux.TCSADRAIN, linux.cfmakeraw(settings));
  const [keys, picture] = [copier(0, master), copier(master, 1)];
  let ended = linux.waitpid(pid, linux.WNOHANG);
  for (; ended.pid === 0; ended = linux.waitpid(pid, linux.WNOHANG)) {
    linux.tcsetwinsize(master, linux.tcgetwinsize(0));
    sleep(50);
  }
  linux.kill(keys, linux.SIGKILL);
  fs.closeSync(master);
  // What is still to be shown comes before the end; unless somebody in the background keeps the terminal.
  for (let look = 0; look < 20 && linux.waitpid(picture, linux.WNOHANG).pid === 0; look += 1) sleep(50);
  linux.tcsetattr(0, linux.TCSADRAIN, settings);
  return ended;
}

function takeTerminal(socket: number, uid: number, gid: number): void {
  const [master, slave] = linux.openpty(linux.tcgetwinsize(0));
  fs.fchownSync(slave, uid, gid);
  linux.send_fd(socket, master);
  fs.closeSync(master);
  linux.login_tty(slave);
}

function start(uid: number, gid: number, command: string[]): never {
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    fs.writeSync(2, `${String(error)}\n`);
    linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
  }
}

function run(options: LifecycleOptions): number {
  const { image, imageDir, containerDir, cpuShares, memory, memorySwap, user, command, detach, terminal } = options;
  const words = (user ?? '0:0').split(':');
  const ids = words.map((word) => (/^[0-9]{1,10}$/.test(word) ? Number(word) : -1));
  if (words.length > 2 || ids.some((id) => id < 0 || id > 4294967294)) throw new Error(`bad --user: ${user}`);
  const [uid, gid] = [ids[0]!, ids[1] ?? ids[0]!];

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
  const volumes = options.volumes.map(({ source, target, readOnly }) => ({
    source: fs.realpathSync(source),
    target,
    readOnly,
  }));

  const layer = `${imageDir}/${image}.unpacked`;
  if (!fs.existsSync(layer)) {
    if (!fs.existsSync(`${imageDir}/${image}.tar`)) throw new Error(`no image ${image}`);
    const part = fs.mkdtempSync(`${layer}.part-`);
    fs.chmodSync(part, 0o755);
    const filter = (_path: string, entry: object): boolean =>
      !('type' in entry && String(entry.type).endsWith('Device'));
    const how = { sync: true, preservePaths: true, chmod: true, filter } as const;
    tar.extract({ ...how, file: `${imageDir}/${image}.tar`, cwd: part });
    fs.renameSync(part, layer);
  }
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/u-`);
  const id = home.split('/').at(-1)!;
  for (const name of ['up', 'wk', 'mnt']) fs.mkdirSync(`${home}/${name}`);
  fs.chmodSync(`${home}/up`, 0o755);

  const cgroups = (['cpu', 'memory'] as const).map((name) => {
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
  const [group, { version }] = [cgroups[1]!, findController('memory')];
  const set = (file: string, value: number | string): void => {
    if (!fs.existsSync(`${group}/${file}`)) return;
    try {
      fs.writeFileSync(`${group}/${file}`, String(value));
    } catch (error) {
      for (const one of new Set(cgroups)) fs.rmdirSync(one);
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
  const cpu = findController('cpu');
  if (cpuShares !== null && cpu.version === 1) {
    fs.writeFileSync(`${cpu.mountPoint}/boxwright/${id}/cpu.shares`, `${cpuShares}`);
  } else if (cpuShares !== null) {
    const power = (Math.log2(cpuShares) ** 2 + 125 * Math.log2(cpuShares)) / 612 - 7 / 34;
    fs.writeFileSync(`${cpu.mountPoint}/boxwright/${id}/cpu.weight`, `${Math.ceil(10 ** power)}`);
  }

  tell(home, 'user', `${uid} ${gid}`);
  fs.writeFileSync(`${home}/lock`, '');

  const contain = (gate: number, socket: number): never => {
    for (const one of groups(id)) fs.writeFileSync(`${one}/cgroup.procs`, '0');
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
    const place = (index: number, directory: boolean): string => {
      const name = `dev/.volume-${index}`;
      if (directory) fs.mkdirSync(name);
      else fs.writeFileSync(name, '');
      return name;
    };
    const kinds = volumes.map(({ source }) => fs.statSync(source).isDirectory());
    volumes.forEach(({ source, readOnly }, index) => {
      const waiting = place(index, kinds[index]!);
      linux.mount(source, waiting, null, linux.MS_BIND);
      if (readOnly) linux.mount('', waiting, null, linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY);
    });
    linux.pivot_root('.', '.');
    linux.umount2('.', linux.MNT_DETACH);
    process.chdir('/');
    volumes.forEach(({ target }, index) => {
      if (kinds[index]) fs.mkdirSync(target, { recursive: true });
      else {
        fs.mkdirSync(target.replace(/[^/]*$/, ''), { recursive: true });
        fs.appendFileSync(target, '');
      }
      linux.mount(`/dev/.volume-${index}`, target, null, linux.MS_MOVE);
      fs.rmSync(`/dev/.volume-${index}`, { recursive: true });
    });
    if (terminal) takeTerminal(socket, uid, gid);
    fs.closeSync(socket);
    if (!detach) {
      if (fs.readSync(gate, Buffer.alloc(1)) === 0) linux._exit(125);
      start(uid, gid, command);
    }
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    if (fs.readSync(gate, Buffer.alloc(1)) === 0) linux._exit(125);
    return supervise(() => start(uid, gid, command));
  };

  const all = linux.CLONE_NEWPID | linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC;
  const keep = (ready: () => void): number => {
    // Held by whoever comes from here, until the last of them has ended or become the command.
    const lock = fs.openSync(`${home}/lock`, 'r');
    linux.flock(lock, linux.LOCK_EX);
    tell(home, 'words', command.join(' '));
    const [reader, writer] = linux.pipe2(0);
    const [mine, its] = linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM);
    const pid = linux.clone(() => {
      fs.closeSync(writer);
      fs.closeSync(mine);
      contain(reader, its);
    }, all | linux.SIGCHLD);
    fs.closeSync(reader);
    fs.closeSync(its);
    tell(home, 'pid', String(pid));
    fs.writeSync(writer, '.');
    ready();
    const ended = terminal ? atTerminal(mine, pid) : linux.waitpid(pid);
    const events = fs.readFileSync(`${group}/memory.${version === 2 ? 'events' : 'oom_control'}`, 'utf8');
    if (!/^oom_kill 0$/m.test(events))
      process.stderr.write('out of memory: the kernel had to kill in this container\n');
    for (const one of groups(id)) fs.rmdirSync(one);
    tell(home, 'status', String(code(ended)));
    return code(ended);
  };
  if (!detach) return keep(() => {});

  const [reader, writer] = linux.pipe2(0);
  if (linux.fork() === 0) {
    fs.closeSync(reader);
    linux.setsid();
    linux.dup2(fs.openSync('/dev/null', 'r+'), 0);
    linux.dup2(fs.openSync(`${home}/said`, 'a'), 1);
    linux.dup2(1, 2);
    keep(() => void fs.writeSync(writer, '.'));
    linux._exit(0);
  }
  fs.closeSync(writer);
  if (fs.readSync(reader, Buffer.alloc(1)) === 0) throw new Error(`it did not start: ${fact(home, 'said')}`);
  process.stdout.write(`${id}\n`);
  return 0;
}

box({
  run,
  ps({ containerDir }) {
    for (const id of fs.existsSync(containerDir) ? fs.readdirSync(containerDir) : []) {
      const home = `${containerDir}/${id}`;
      const said = fact(home, 'words');
      if (said === null) continue;
      const status = fact(home, 'status');
      const state = status === null ? (runs(home) ? 'running' : 'broken off') : `exited (${status})`;
      process.stdout.write(`${id}\t${state}\t${said.replaceAll('\n', ' ')}\n`);
    }
  },
  logs(asked) {
    process.stdout.write(fact(homeOf(asked), 'said') ?? '');
  },
  exec({ terminal, command, ...asked }) {
    const home = homeOf(asked);
    const pid = pidOf(home);
    const [uid, gid] = fact(home, 'user')!.split(' ').map(Number) as [number, number];
    const kinds = ['cgroup', 'ipc', 'uts', 'net', 'pid', 'mnt'];
    const open = kinds.map((kind) => fs.openSync(`/proc/${pid}/ns/${kind}`, 'r'));
    if (!runs(home)) throw new Error('it has just ended');
    const [mine, its] = linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM);
    const outer = linux.fork();
    if (outer === 0) {
      fs.closeSync(mine);
      linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
      for (const one of groups(asked.id)) fs.writeFileSync(`${one}/cgroup.procs`, '0');
      for (const fd of open) linux.setns(fd);
      process.chdir('/');
      const inner = linux.fork();
      if (inner === 0) {
        if (terminal) takeTerminal(its, uid, gid);
        start(uid, gid, command);
      }
      fs.closeSync(its);
      linux._exit(code(linux.waitpid(inner)));
    }
    fs.closeSync(its);
    return code(terminal ? atTerminal(mine, outer) : linux.waitpid(outer));
  },
  stop({ grace, ...asked }) {
    const home = homeOf(asked);
    const pid = pidOf(home);
    linux.kill(pid, linux.SIGTERM);
    for (let waited = 0; runs(home) && waited < grace * 1000; waited += 20) sleep(20);
    if (runs(home)) linux.kill(pid, linux.SIGKILL);
    while (runs(home)) sleep(20);
  },
  rm(asked) {
    const home = homeOf(asked);
    if (runs(home)) throw new Error('it runs');
    for (const one of groups(asked.id)) if (fs.existsSync(one)) fs.rmdirSync(one);
    fs.rmSync(home, { recursive: true });
  },
});
