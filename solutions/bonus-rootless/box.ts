// Bonus: the same container, started by an ordinary user.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

/** All that the child gets of its own, from its first instruction on. The user namespace owns all the others. */
const namespaces =
  linux.CLONE_NEWUSER |
  linux.CLONE_NEWNS |
  linux.CLONE_NEWUTS |
  linux.CLONE_NEWPID |
  linux.CLONE_NEWIPC |
  linux.CLONE_NEWNET |
  linux.CLONE_NEWCGROUP;

/** Runs the command in a new container and returns the exit status to report for it. */
function run(options: BoxOptions): number {
  const { image, imageDir, containerDir, command } = options;
  refuseLimits(options);
  const maps = mapsOfUser();
  const account = accountOf(options.user ?? '0', maps);
  const lowerdir = unpackOnce(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));

  const [readEnd, writeEnd] = linux.pipe2(linux.O_CLOEXEC);
  // SIGCHLD: without it waitpid does not see the child.
  const pid = linux.clone(() => {
    // Or the child would hold open what it waits for the end of, should the parent die.
    fs.closeSync(writeEnd);
    if (fs.readSync(readEnd, Buffer.alloc(1)) === 0) linux._exit(125);
    contain(directory, lowerdir, account, maps, command);
  }, namespaces | linux.SIGCHLD);

  try {
    writeMaps(pid, maps);
    fs.writeSync(writeEnd, '.');
  } finally {
    fs.closeSync(writeEnd);
    fs.closeSync(readEnd);
  }
  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** A limit is a file in a cgroup, and cgroups belong to root: better no container than one without the limit. */
function refuseLimits({ cpuShares, memory, memorySwap }: BoxOptions): void {
  const asked = Object.entries({ '--cpu-shares': cpuShares, '--memory': memory, '--memory-swap': memorySwap });
  for (const [option, value] of asked) {
    if (value === null) continue;
    throw new Error(`${option} needs a cgroup, and an ordinary user may make none: see systemd-run --user --scope`);
  }
}

/** `count` ids from `inside` on are, seen from outside, those from `outside` on. */
type Range = { inside: number; outside: number; count: number };
type Maps = { uids: Range[]; gids: Range[] };

/** Root of the container is whoever starts it. All others are subordinate ids, where that user has been given some. */
function mapsOfUser(): Maps {
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  const [uids, gids] = [subordinateIds('/etc/subuid'), subordinateIds('/etc/subgid')];
  const own = { uids: [{ inside: 0, outside: uid, count: 1 }], gids: [{ inside: 0, outside: gid, count: 1 }] };
  if (uids === null || gids === null) return own;
  return { uids: [...own.uids, uids], gids: [...own.gids, gids] };
}

/** The ids that an administrator has set aside for the user: `student:100000:65536`. See subuid(5). */
function subordinateIds(file: string): Range | null {
  const { username, uid } = os.userInfo();
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
  for (const [owner, first, count] of lines.map((line) => line.split(':'))) {
    if (owner === username || owner === String(uid)) return { inside: 1, outside: Number(first), count: Number(count) };
  }
  return null;
}

/** The parent: says who the ids of the child's user namespace are. Each map can be written once. */
function writeMaps(pid: number, { uids, gids }: Maps): void {
  const words = (ranges: Range[]): string[] =>
    ranges.flatMap(({ inside, outside, count }) => [inside, outside, count].map(String));
  if (uids.length > 1) {
    // More than one's own id takes a privilege. These two have it (set-user-ID), and look into /etc/subuid first.
    execFileSync('newuidmap', [String(pid), ...words(uids)], { stdio: 'pipe' });
    execFileSync('newgidmap', [String(pid), ...words(gids)], { stdio: 'pipe' });
    return;
  }
  fs.writeFileSync(`/proc/${pid}/uid_map`, words(uids).join(' '));
  // A group can also take rights away. Who could leave groups by making a namespace would get around that.
  fs.writeFileSync(`/proc/${pid}/setgroups`, 'deny');
  fs.writeFileSync(`/proc/${pid}/gid_map`, words(gids).join(' '));
}

/** The directory of the image, unpacked when it is first needed. All containers read it, and none may change it. */
function unpackOnce(imageDir: string, image: string): string {
  const lowerdir = path.join(imageDir, image, 'rootfs');
  if (fs.existsSync(lowerdir)) return lowerdir;
  const archive = path.join(imageDir, `${image}.tar`);
  if (!fs.existsSync(archive)) throw new Error(`there is no image "${image}" in ${imageDir}`);

  // Under another name until all of it is there: whoever finds the directory may take it for complete.
  fs.mkdirSync(path.dirname(lowerdir), { recursive: true });
  const unfinished = fs.mkdtempSync(`${lowerdir}-`);
  fs.chmodSync(unfinished, 0o755);
  tar.extract({
    file: archive,
    cwd: unfinished,
    sync: true,
    // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
    preservePaths: true,
    // Or the umask would take from the modes: /tmp is for everybody to write into.
    chmod: true,
    filter: (_path, entry) => !('type' in entry && entry.type.endsWith('Device')),
  });
  try {
    fs.renameSync(unfinished, lowerdir);
  } catch (error) {
    // Another runtime may have done the same, and been faster.
    if (!fs.existsSync(lowerdir)) throw error;
    fs.rmSync(unfinished, { recursive: true });
  }
  return lowerdir;
}

/** Mounts the container's root and returns where: the image below, and above it what this container writes. */
function mountRoot(directory: string, lowerdir: string): string {
  const [upperdir, workdir, root] = ['upper', 'work', 'root'].map((name) => path.join(directory, name));
  for (const made of [upperdir!, workdir!, root!]) fs.mkdirSync(made);
  // `/` takes its mode from here, and the umask may have left everybody but root outside.
  fs.chmodSync(upperdir!, 0o755);
  // userxattr: overlay notes in attributes what was deleted and made anew, and the usual ones are for the machine's root.
  const data = `lowerdir=${lowerdir},upperdir=${upperdir},workdir=${workdir},userxattr`;
  // MS_NODEV: whatever comes to lie in the image or is made by the container, it opens no door to a device.
  linux.mount('overlay', root!, 'overlay', linux.MS_NODEV, data);
  return root!;
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(directory: string, lowerdir: string, account: Account, maps: Maps, command: string[]): never {
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted there would come to us.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
  // The container's id, which is the name of its directory.
  linux.sethostname(path.basename(directory));

  const root = mountRoot(directory, lowerdir);
  mountFilesystems(root);
  enterRoot(root);
  // Nothing that needs root comes after this.
  becomeUser(account, maps);
  // PID 1 takes its container with it when it ends. This makes it end when the runtime does, however that happens. The
  // kernel forgets it when the user changes, so it stands after that.
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  become(command);
}

/** Whom the command runs as. */
type Account = { uid: number; gid: number };

/** `1000:100` or `1000`: then the group has the same number. Only those exist that the maps have. */
function accountOf(user: string, { uids, gids }: Maps): Account {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  const account = { uid: Number(uid), gid: Number(gid) };
  const has = (ranges: Range[], id: number): boolean =>
    ranges.some(({ inside, count }) => id >= inside && id < inside + count);
  if (uid === undefined) throw new Error(`--user takes numbers, uid or uid:gid: not "${user}"`);
  if (has(uids, account.uid) && has(gids, account.gid)) return account;
  throw new Error(`--user ${user}: there is no such id in the container, for no id of this machine stands behind it`);
}

/** Gives up root, for good. In this order: without root, neither groups nor gid can be changed any more. */
function becomeUser({ uid, gid }: Account, { gids }: Maps): void {
  // Where one id is mapped, the groups of whoever started us stay: see writeMaps.
  if (gids.length > 1) linux.setgroups([]);
  linux.setgid(gid);
  linux.setuid(uid);
}

/** Makes the mount at `root` the root of this mount namespace, and lets go of the old one. */
function enterRoot(root: string): void {
  // Everything of the host has to be somewhere while we still stand in it: here, for two more calls.
  const putOld = path.join(root, '.old_root');
  fs.mkdirSync(putOld);
  linux.pivot_root(root, putOld);
  process.chdir('/');
  // MNT_DETACH, for this program still runs from there: a plain umount answers EBUSY.
  linux.umount2('/.old_root', linux.MNT_DETACH);
  fs.rmdirSync('/.old_root');
}

/** Mounts what programs look for in every root: processes, the machine, devices. */
function mountFilesystems(root: string): void {
  linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  // MS_RDONLY: no more may be shown than the host's own /sys shows, and where that is read-only, so must ours be.
  const readOnly = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC;
  linux.mount('sysfs', `${root}/sys`, 'sysfs', readOnly);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** The devices that programs take for granted. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** Fills a new /dev. */
function makeDevices(dev: string): void {
  for (const name of devices) {
    // mknod is for the machine's root alone. The host's own node is shown here instead, on a file that it covers.
    fs.writeFileSync(`${dev}/${name}`, '');
    linux.mount(`/dev/${name}`, `${dev}/${name}`, null, linux.MS_BIND);
  }

  fs.symlinkSync('/proc/self/fd', `${dev}/fd`);
  fs.symlinkSync('/proc/self/fd/0', `${dev}/stdin`);
  fs.symlinkSync('/proc/self/fd/1', `${dev}/stdout`);
  fs.symlinkSync('/proc/self/fd/2', `${dev}/stderr`);

  // Terminals that are made in the container, numbered from 0, apart from the host's.
  fs.mkdirSync(`${dev}/pts`);
  linux.mount(
    'devpts',
    `${dev}/pts`,
    'devpts',
    linux.MS_NOSUID | linux.MS_NOEXEC,
    'newinstance,ptmxmode=0666,mode=620',
  );
  fs.symlinkSync('pts/ptmx', `${dev}/ptmx`);
}

/** The child: becomes the command. Does not return. */
function become(command: string[]): never {
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(error.code === 'ENOENT' ? 127 : 126);
  }
}

box(run);
