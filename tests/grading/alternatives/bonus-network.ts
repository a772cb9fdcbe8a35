// The network in another shape: leases in files with the names of their owners, a table for each container, the pair
// made on the host and moved, and the parent entering the container's network itself.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box } from '#command-line';

const state = '/run/boxwright-alternative';
const setting = '/proc/sys/net/ipv4/conf/all/forwarding';
const tell = (words: string): string =>
  execFileSync('/bin/sh', ['-ec', words], {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
const startOf = (pid: number): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!;
  } catch {
    return 'gone';
  }
};
const numbers = (): number[] =>
  fs
    .readdirSync(state)
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);

function locked<Value>(body: () => Value): Value {
  fs.mkdirSync(state, { recursive: true });
  const fd = fs.openSync(`${state}/lock`, 'w');
  linux.flock(fd, linux.LOCK_EX);
  try {
    return body();
  } finally {
    linux.flock(fd, linux.LOCK_UN);
    fs.closeSync(fd);
  }
}

/** Takes away what belongs to a lease, and after the last one what belongs to all. */
function giveBack(number: number): void {
  tell(`ip link delete alt-h${number} 2> /dev/null || true; nft delete table ip alt_${number} 2> /dev/null || true`);
  fs.rmSync(`${state}/${number}`, { force: true });
  if (numbers().length > 0) return;
  tell('ip link delete alt-bridge');
  if (fs.existsSync(`${state}/was-off`)) fs.writeFileSync(setting, '0');
  fs.rmSync(`${state}/was-off`, { force: true });
}

function lease(): number {
  for (const number of numbers()) {
    const [pid, start] = fs.readFileSync(`${state}/${number}`, 'utf8').split(' ');
    if (startOf(Number(pid)) !== start) giveBack(number);
  }
  for (let number = 10; number < 65000; number += 1) {
    try {
      fs.writeFileSync(`${state}/${number}`, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx' });
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error('no address is free');
}

const addressOf = (number: number): string => `172.29.${number >> 8}.${number & 255}`;

function connect(pid: number, number: number): void {
  locked(() => {
    tell(
      `ip link show alt-bridge > /dev/null 2>&1 || ip link add alt-bridge address 02:00:00:00:00:01 type bridge
       ip address replace 172.29.0.1/16 dev alt-bridge; ip link set alt-bridge up
       ip link add alt-h${number} type veth peer name alt-c${number}
       ip link set alt-h${number} master alt-bridge; ip link set alt-h${number} up
       ip link set alt-c${number} netns ${pid} name net0
       nft add table ip alt_${number}
       nft 'add chain ip alt_${number} out { type nat hook postrouting priority 101 ; }'
       nft 'add rule ip alt_${number} out ip saddr ${addressOf(number)} oifname != alt-bridge masquerade'`,
    );
    if (fs.readFileSync(setting, 'utf8') === '0\n') {
      fs.writeFileSync(`${state}/was-off`, '');
      fs.writeFileSync(setting, '1');
    }
  });
  const [own, other] = ['self', pid].map((of) => fs.openSync(`/proc/${of}/ns/net`, 'r'));
  linux.setns(other!, linux.CLONE_NEWNET);
  try {
    tell(`ip address add ${addressOf(number)}/16 broadcast + dev net0; ip link set lo up; ip link set net0 up
          ip route add default via 172.29.0.1 dev net0`);
  } finally {
    linux.setns(own!, linux.CLONE_NEWNET);
    fs.closeSync(own!);
    fs.closeSync(other!);
  }
}

box(({ image, imageDir, containerDir, cpuShares, memory, memorySwap, user, command }) => {
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

  const servers = fs.readFileSync('/etc/resolv.conf', 'utf8').replaceAll(/^nameserver 127.*\n/gm, '');
  const all = linux.CLONE_NEWPID | linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC;
  const [reader, writer] = linux.pipe2(0);
  const pid = linux.clone(() => {
    fs.closeSync(writer);
    const word = Buffer.alloc(32);
    const length = fs.readSync(reader, word);
    if (length === 0) linux._exit(125);
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
    fs.rmSync('/etc/hosts', { force: true });
    fs.writeFileSync('/etc/hosts', `127.0.0.1\tlocalhost\n${word.toString('utf8', 0, length)}\t${id}\n`);
    fs.rmSync('/etc/resolv.conf', { force: true });
    fs.writeFileSync('/etc/resolv.conf', servers);
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
  }, all | linux.SIGCHLD);
  fs.closeSync(reader);
  let [trouble, number]: [unknown, number] = [null, 0];
  try {
    number = locked(lease);
    connect(pid, number);
    fs.writeSync(writer, addressOf(number));
  } catch (error) {
    trouble = error;
  }
  fs.closeSync(writer);
  const ended = linux.waitpid(pid);
  const events = fs.readFileSync(`${group}/memory.${version === 2 ? 'events' : 'oom_control'}`, 'utf8');
  if (!/^oom_kill 0$/m.test(events)) process.stderr.write('out of memory: the kernel had to kill in this container\n');
  for (const one of new Set(groups)) fs.rmdirSync(one);
  if (trouble !== null) fs.writeSync(2, `no network: ${String(trouble)}\n`);
  locked(() => giveBack(number));
  if (trouble !== null) throw trouble;
  return ended.signal === null ? ended.exitCode! : 128 + ended.signal;
});
