// Without root in another shape: the child makes the namespaces itself, with unshare, and asks for its maps; a process
// in between waits for the command; root entered by pivot_root on itself.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import * as tar from 'tar';
import * as linux from '#linux';
import { box } from '#command-line';

type Part = readonly [inside: number, outside: number, count: number];

box(({ image, imageDir, containerDir, cpuShares, memory, memorySwap, user, command }) => {
  if (memory !== null) throw new Error('no --memory without root');
  if (memorySwap !== null) throw new Error('no --memory-swap without root');
  if (cpuShares !== null) throw new Error('no --cpu-shares without root');

  const part = (file: string): Part[] => {
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    const found = new RegExp(`^${os.userInfo().username}:(\\d+):(\\d+)$`, 'm').exec(text);
    // Fewer than there are will do.
    return found === null ? [] : [[1, Number(found[1]), Math.min(Number(found[2]), 65_000)]];
  };
  const parts = { uid: part('/etc/subuid'), gid: part('/etc/subgid') };
  const several = parts.uid.length > 0 && parts.gid.length > 0;
  const maps: Record<'uid' | 'gid', Part[]> = {
    uid: [[0, process.geteuid!(), 1], ...(several ? parts.uid : [])],
    gid: [[0, process.getegid!(), 1], ...(several ? parts.gid : [])],
  };
  const words = (user ?? '0:0').split(':');
  const ids = words.map((word) => (/^[0-9]{1,10}$/.test(word) ? Number(word) : -1));
  const [uid, gid] = [ids[0]!, ids[1] ?? ids[0]!];
  const known = (map: Part[], id: number): boolean => map.some(([first, , count]) => id >= first && id - first < count);
  if (words.length > 2 || !known(maps.uid, uid) || !known(maps.gid, gid)) throw new Error(`bad --user: ${user}`);

  const layer = `${imageDir}/${image}.unpacked`;
  if (!fs.existsSync(layer)) {
    if (!fs.existsSync(`${imageDir}/${image}.tar`)) throw new Error(`no image ${image}`);
    const unfinished = fs.mkdtempSync(`${layer}.part-`);
    fs.chmodSync(unfinished, 0o755);
    const filter = (_path: string, entry: object): boolean =>
      !('type' in entry && String(entry.type).endsWith('Device'));
    const options = { sync: true, preservePaths: true, chmod: true, filter } as const;
    tar.extract({ ...options, file: `${imageDir}/${image}.tar`, cwd: unfinished });
    fs.renameSync(unfinished, layer);
  }
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/r-`);
  for (const name of ['up', 'wk', 'mnt']) fs.mkdirSync(`${home}/${name}`);
  fs.chmodSync(`${home}/up`, 0o755);

  const question = linux.pipe2(linux.O_CLOEXEC);
  const answer = linux.pipe2(linux.O_CLOEXEC);
  const between = linux.fork();
  if (between === 0) {
    // A forked child has one thread: so unshare may have CLONE_NEWUSER.
    fs.closeSync(answer[1]);
    linux.unshare(
      linux.CLONE_NEWUSER |
        linux.CLONE_NEWNS |
        linux.CLONE_NEWUTS |
        linux.CLONE_NEWIPC |
        linux.CLONE_NEWNET |
        linux.CLONE_NEWPID,
    );
    fs.writeSync(question[1], '?');
    if (fs.readSync(answer[0], Buffer.alloc(1)) === 0) linux._exit(125);
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    const first = linux.fork();
    if (first === 0) inside();
    const { exitCode, signal } = linux.waitpid(first);
    linux._exit(exitCode ?? 128 + signal!);
  }
  fs.closeSync(question[1]);
  fs.readSync(question[0], Buffer.alloc(1));
  for (const kind of ['uid', 'gid'] as const) {
    if (several) {
      const { status } = spawnSync(`new${kind}map`, [between, ...maps[kind].flat()].map(String), { stdio: 'inherit' });
      if (status !== 0) throw new Error(`new${kind}map failed`);
      continue;
    }
    if (kind === 'gid') fs.writeFileSync(`/proc/${between}/setgroups`, 'deny');
    fs.writeFileSync(`/proc/${between}/${kind}_map`, maps[kind].flat().join(' '));
  }
  fs.writeSync(answer[1], '!');
  const { exitCode, signal } = linux.waitpid(between);
  return exitCode ?? 128 + signal!;

  function inside(): never {
    linux.sethostname(home.split('/').at(-1)!);
    const data = `userxattr,lowerdir=${layer},upperdir=${home}/up,workdir=${home}/wk`;
    linux.mount('root', `${home}/mnt`, 'overlay', linux.MS_NODEV | linux.MS_NOSUID, data);
    process.chdir(`${home}/mnt`);
    linux.mount('p', 'proc', 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
    linux.mount('s', 'sys', 'sysfs', linux.MS_RDONLY);
    linux.mount('d', 'dev', 'tmpfs', linux.MS_NOSUID, 'mode=0755');
    for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
      fs.closeSync(fs.openSync(`dev/${name}`, 'w'));
      linux.mount(`/dev/${name}`, `dev/${name}`, '', linux.MS_BIND | linux.MS_NOSUID);
    }
    fs.symlinkSync('/proc/self/fd', 'dev/fd');
    for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) fs.symlinkSync(`fd/${index}`, `dev/${name}`);
    fs.mkdirSync('dev/pts');
    linux.mount('pts', 'dev/pts', 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=666,mode=620');
    fs.symlinkSync('pts/ptmx', 'dev/ptmx');
    linux.pivot_root('.', '.');
    linux.umount2('.', linux.MNT_DETACH);
    process.chdir('/');
    if (several) linux.setgroups([]);
    linux.setgid(gid);
    linux.setuid(uid);
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    try {
      linux.execvp(command[0]!, command);
    } catch (error) {
      fs.writeSync(2, `${String(error)}\n`);
      linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
    }
  }
});
