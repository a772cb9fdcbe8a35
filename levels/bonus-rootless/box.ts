// Bonus: the same container, started by an ordinary user.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';

/** All that the child gets of its own, from its first instruction on. */
// TODO 1: ask for a user namespace, too. It needs no right, and gives the child all rights over the others.
const namespaces =
  linux.CLONE_NEWNS |
  linux.CLONE_NEWUTS |
  linux.CLONE_NEWPID |
  linux.CLONE_NEWIPC |
  linux.CLONE_NEWNET |
  linux.CLONE_NEWCGROUP;

/** Runs the command in a new container and returns the exit status to report for it. */
function run({ image, imageDir, containerDir, user, command }: BoxOptions): number {
  // TODO 8: level 09 made cgroups here, and an ordinary user may make none. Refuse --cpu-shares, --memory and
  // --memory-swap, before anything is made: throw an Error that names the option.
  const account = user === null ? null : accountOf(user);
  const lowerdir = unpackOnce(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));

  throw new Error('TODO 1: ask for a user namespace above, and remove this line');
  // TODO 2: make a pipe (pipe2, O_CLOEXEC) before the child, over which it hears that its map is written.
  // SIGCHLD: without it waitpid does not see the child.
  const pid = linux.clone(() => {
    // TODO 2: close the end of the parent (fs.closeSync), and wait at the other (fs.readSync). Where nothing comes, for
    // the parent has failed, end with 125.
    contain(directory, lowerdir, account, command);
  }, namespaces | linux.SIGCHLD);

  // TODO 2: write the child's map (writeMaps below), then a byte into the pipe, and close both ends, whatever happens.
  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** The parent: says who the ids of the child's user namespace are. Each map can be written once. */
function writeMaps(pid: number): void {
  // TODO 2: write one line each, "inside outside count", into /proc/PID/uid_map and gid_map: root inside is whoever
  // started box.ts (process.getuid, getgid). Before gid_map, write "deny" into /proc/PID/setgroups.
  // TODO 5: where /etc/subuid and /etc/subgid have a line for this user (os.userInfo), ids from 1 on are those of that
  // line. Only newuidmap and newgidmap may write that (execFileSync): newuidmap PID inside outside count …
  // TODO 6: where there is no such line, it stays at one id, as after TODO 2.
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
  // TODO 4: add userxattr, so that overlay keeps its notes in attributes that not only root may write.
  const data = `lowerdir=${lowerdir},upperdir=${upperdir},workdir=${workdir}`;
  // MS_NODEV: whatever comes to lie in the image or is made by the container, it opens no door to a device.
  linux.mount('overlay', root!, 'overlay', linux.MS_NODEV, data);
  return root!;
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(directory: string, lowerdir: string, account: Account | null, command: string[]): never {
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted there would come to us.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
  // The container's id, which is the name of its directory.
  linux.sethostname(path.basename(directory));

  const root = mountRoot(directory, lowerdir);
  mountFilesystems(root);
  enterRoot(root);
  // Nothing that needs root comes after this.
  // TODO 7: also root of the container must not be in the groups of whoever started it.
  if (account !== null) becomeUser(account);
  // PID 1 takes its container with it when it ends. This makes it end when the runtime does, however that happens. The
  // kernel forgets it when the user changes, so it stands after that.
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  become(command);
}

/** Whom the command runs as. */
type Account = { uid: number; gid: number };

/** The largest id: one more means "leave it as it is" to the kernel. */
const MAX_ID = 0xffff_fffe;

/** `1000:100` or `1000`: then the group has the same number. Numbers only, for a container may have no /etc/passwd. */
function accountOf(user: string): Account {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  const account = { uid: Number(uid), gid: Number(gid) };
  // TODO 6: refuse an id that no map has. Without subordinate ids there is only 0.
  if (uid !== undefined && account.uid <= MAX_ID && account.gid <= MAX_ID) return account;
  throw new Error(`--user takes numbers, uid or uid:gid, up to ${MAX_ID}: not "${user}"`);
}

/** Gives up root, for good. In this order: without root, neither groups nor gid can be changed any more. */
function becomeUser({ uid, gid }: Account): void {
  // TODO 7: with one id this is refused: see what you have written into /proc/PID/setgroups.
  linux.setgroups([]);
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
  // TODO 4: make it read-only (MS_RDONLY): where the host's own /sys is, nothing else is allowed here.
  linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** The devices that programs take for granted, by major and minor number: see the kernel's devices.txt. */
const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/** Fills a new /dev. */
function makeDevices(dev: string): void {
  // TODO 3: mknod is refused here. Make an empty file for each name, and bind the host's own node on it (MS_BIND).
  // The umask takes bits from the mode of a new file, here the right to write of everybody but root.
  const umask = linux.umask(0);
  for (const [name, [major, minor]] of Object.entries(devices)) {
    linux.mknod(`${dev}/${name}`, linux.S_IFCHR | 0o666, linux.makedev(major, minor));
  }
  linux.umask(umask);

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
