// Bonus: images as people pull them, in layers; and a runtime that is made of classes.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import { findController } from '#cgroup';
import { box, type BoxOptions } from '#command-line';

/** What an image says of the command that is to run in it, in its config. */
type ImageConfig = { Env?: string[]; Entrypoint?: string[]; Cmd?: string[]; WorkingDir?: string; User?: string };

/** An image that is ready for a container: the directories of its layers, from the lowest to the topmost. */
type Image = { layers: string[]; config: ImageConfig | null };

/** How the documents of an image name each other. In an index it says, too, for which machine. */
type Descriptor = { digest: string; platform?: { os: string; architecture: string } };
type Index = { manifests: Descriptor[] };
type Manifest = { config: Descriptor; layers: Descriptor[] };
type Config = { config?: ImageConfig; rootfs: { diff_ids: string[] } };

/** The folder of images. All containers read what is in it, and none may change it. */
class ImageStore {
  /** The names of layers are relative to it. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The image of this name, with all of its layers unpacked. */
  open(name: string): Image {
    throw new Error('TODO 1: read an image in layers. Then remove this line');
    // TODO 1: where the folder of images has a directory of this name, with an index.json in it, return #fromLayout.
    const folder = this.#takenApart(name);
    // TODO 10: the same where an index.json was in the archive; and where a manifest.json was in it, #fromSaved.

    // As in the levels before: the archive is the root itself.
    return { layers: [folder], config: null };
  }

  /** An OCI image layout: an index, and blobs that are named by their digests. */
  #fromLayout(folder: string): Image {
    // TODO 1: index.json names a manifest, the manifest names the config and the layers. Each name is a digest, and what
    // it names is a file: blobs/sha256/ and the digits. In the config, only the part "config" is about the command.
    // TODO 2: read each of them through openVerified.
    // TODO 7: what the index names may be another index. Go on with its entry for this machine.
    return { layers: [], config: {} };
  }

  /** What `docker save` writes: a manifest with names of files, and a config with the digests of the layers. */
  #fromSaved(folder: string): Image {
    // TODO 10: manifest.json is a list with an entry for each image: in it, Config and Layers are names of files. The
    // digest of the config is its name, those of the layers are in it: rootfs.diff_ids, in the order of Layers.
    return { layers: [], config: {} };
  }

  /** The directory of a layer, for `Image.layers`. */
  #layer(file: string, digest: string): string {
    // TODO 1: unpack the file into a directory, #once, and return the directory's name in the folder of images.
    // TODO 2: compare it with the digest before.
    // TODO 5: give the directory a name by which every image with this layer finds it. (No image begins with a dot.)
    return '';
  }

  /** What was in the archive of this name. */
  #takenApart(name: string): string {
    const archive = this.#path(`${name}.tar`);
    if (!fs.existsSync(archive)) throw new Error(`there is no image "${name}" in ${this.folder}`);
    return this.#once(path.join(name, 'content'), (unfinished) => unpack(fs.openSync(archive, 'r'), unfinished));
  }

  /** A directory that is complete as soon as it is there: it gets its name when `fill` is done. */
  #once(name: string, fill: (unfinished: string) => void): string {
    const directory = this.#path(name);
    if (fs.existsSync(directory)) return name;
    const unfinished = fs.mkdtempSync(this.#path('.unfinished-'));
    try {
      fs.chmodSync(unfinished, 0o755);
      fill(unfinished);
      fs.mkdirSync(path.dirname(directory), { recursive: true });
      fs.renameSync(unfinished, directory);
    } catch (error) {
      fs.rmSync(unfinished, { recursive: true });
      // Another runtime may have done the same, and been faster.
      if (!fs.existsSync(directory)) throw error;
    }
    return name;
  }

  #has(folder: string, file: string): boolean {
    return fs.existsSync(this.#path(folder, file));
  }

  #path(...names: string[]): string {
    return path.join(this.folder, ...names);
  }
}

/** Opens a file whose content is what the digest says. @throws Error where it is something else */
function openVerified(file: string, digest: string): number {
  const descriptor = fs.openSync(file, 'r');
  // TODO 2: compute the digest of the content (createHash of node:crypto), and throw where it is another one.
  // TODO 6: a digest becomes the name of a file. Let none pass that is not sha256: and 64 digits, wherever it is used.
  return descriptor;
}

/** The content of an open file from its beginning, so that no file is too large. */
function* piecesOf(descriptor: number): Generator<Buffer> {
  for (let position = 0; ;) {
    // A new one each time, for who gets it may keep it.
    const piece = Buffer.allocUnsafe(1024 * 1024);
    const length = fs.readSync(descriptor, piece, 0, piece.length, position);
    if (length === 0) return;
    yield piece.subarray(0, length);
    position += length;
  }
}

/** Unpacks an open archive, compressed or not, into an empty directory. */
function unpack(archive: number, directory: string): void {
  // TODO 6: a name in an archive may lead anywhere. Do this in a child (linux.fork) that has the directory for its root,
  // ends with _exit, and is waited for. Make the UnpackSync before the chroot: with it, the package tar is loaded.
  const unpacker = new tar.UnpackSync({
    cwd: directory,
    // Or what cannot be unpacked would be left out without a word.
    strict: true,
    // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
    preservePaths: true,
    chmod: true,
    filter(name, entry) {
      // TODO 3: where the last part of the name begins with .wh., whiteOut it, and do not unpack it.
      return 'type' in entry && !entry.type.endsWith('Device') && entry.type !== 'FIFO';
    },
  });
  // TODO 4: the umask takes from the modes of files (linux.umask). And tar gives files their owner last, by which they
  // lose their set-user-ID and set-group-ID bits (0o6000). New directories never have them. Give them back.
  for (const piece of piecesOf(archive)) unpacker.write(piece);
  unpacker.end();
  fs.closeSync(archive);
}

/** What a layer says is deleted, in the words of overlay. */
function whiteOut(marker: string): void {
  // TODO 3: for .wh.NAME a character device NAME with the numbers 0 and 0 (linux.mknod). For .wh..wh..opq the attribute
  // trusted.overlay.opaque with the value y, of the directory that the marker is in (linux.setxattr). This directory may
  // not be there yet: its mode is 0755.
}

/** What a container has of its own on the disk: a directory, and in it its root, and what it writes there. */
class ContainerDirectory {
  /** The container's id, which is the directory's name. */
  readonly id: string;
  readonly root: string;
  readonly #upper: string;
  readonly #work: string;

  constructor(containerDir: string) {
    fs.mkdirSync(containerDir, { recursive: true });
    const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));
    this.id = path.basename(directory);
    this.root = path.join(directory, 'root');
    this.#upper = path.join(directory, 'upper');
    this.#work = path.join(directory, 'work');
    for (const made of [this.#upper, this.#work, this.root]) fs.mkdirSync(made);
    // `/` takes its mode from here, and the umask may have left everybody but root outside.
    fs.chmodSync(this.#upper, 0o755);
  }

  /** Mounts the root: the image below, and above it what this container writes. Called in the container. */
  mount(images: ImageStore, layers: string[]): void {
    // TODO 1: lowerdir takes several directories, with colons between them. Which comes first?
    // TODO 11: the kernel reads 4096 bytes of data and no more. Names that are relative to a directory are shorter.
    const lowerdir = path.join(images.folder, layers[0]!);
    const data = `lowerdir=${lowerdir},upperdir=${this.#upper},workdir=${this.#work}`;
    // MS_NODEV: whatever comes to lie in the image or is made by the container, it opens no door to a device.
    linux.mount('overlay', this.root, 'overlay', linux.MS_NODEV, data);
  }
}

/** All that the child has to know to become the container. */
type InitParameters = {
  image: Image;
  directory: ContainerDirectory;
  cgroups: Cgroups;
  /** The asked user, or null for the one that the image names. */
  account: Account | null;
  command: string[];
  env: Record<string, string>;
};

/** Runs containers. */
class Runtime {
  readonly #images: ImageStore;

  constructor(images: ImageStore) {
    this.#images = images;
  }

  /** Runs the command in a new container and returns the exit status to report for it. */
  run(options: BoxOptions): number {
    const limits = memoryLimits(options.memory, options.memorySwap);
    const account = options.user === null ? null : accountOf(options.user);
    const image = this.#images.open(options.image);
    const command = commandOf(image, options.command);
    const env = environmentOf(image, options);
    const directory = new ContainerDirectory(options.containerDir);
    const cgroups = new Cgroups(directory.id);
    try {
      if (options.cpuShares !== null) cgroups.limitCpu(options.cpuShares);
      if (limits !== null) cgroups.limitMemory(limits);
    } catch (error) {
      cgroups.remove();
      throw error;
    }

    const parameters = { image, directory, cgroups, account, command, env };
    // SIGCHLD: without it waitpid does not see the child.
    const pid = linux.clone(() => this.#initialise(parameters), namespaces | linux.SIGCHLD);
    const { exitCode, signal } = linux.waitpid(pid);
    if (cgroups.ranOutOfMemory()) {
      console.error(`box.ts: the container ran out of memory (limit: ${options.memory})`);
    }
    // With PID 1 all of the container's processes have ended, so the cgroups are empty and can be removed.
    cgroups.remove();
    return exitCode ?? 128 + signal!;
  }

  /** The child: goes into the container and becomes the command. Does not return. */
  #initialise({ image, directory, cgroups, account, command, env }: InitParameters): never {
    cgroups.join();
    // Not before: the cgroup in which a process is at this moment becomes the root of what it can see.
    linux.unshare(linux.CLONE_NEWCGROUP);
    // Our table is a copy, whose mounts are still peers of the host's: what is mounted here would be mounted there, too.
    linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
    linux.sethostname(directory.id);

    directory.mount(this.#images, image.layers);
    mountFilesystems(directory.root);
    enterRoot(directory.root);
    // TODO 9: make the image's WorkingDir, if it is not there, and go there. Why not before enterRoot?
    // TODO 9: without an asked account, be the image's User (accountIn). Why not before enterRoot?
    const who = account;
    // Nothing that needs root comes after this.
    if (who !== null) becomeUser(who);
    // PID 1 takes its container with it when it ends. This makes it end when the runtime does, however that happens. The
    // kernel forgets it when the user changes, so it stands after that.
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    become(command, { HOME: who?.home ?? '/root', ...env });
  }
}

/** All that the child gets of its own, from its first instruction on. */
const namespaces =
  linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;

/** What runs: the image's entrypoint, and after it what was typed, or else what the image has in its place. */
function commandOf({ config }: Image, typed: string[]): string[] {
  // TODO 8: Entrypoint comes first. After it the typed words, or Cmd where there are none. No word at all is an error.
  return typed;
}

/** The command's environment: the image's, in which the user may set variables, and nothing of the host's. */
function environmentOf({ config }: Image, { env, typedEnv }: BoxOptions): Record<string, string> {
  // TODO 8: with a config: a PATH as most programs want it, then Env ("NAME=VALUE"), then typedEnv.
  return env;
}

/** Whom the command runs as. */
type Account = { uid: number; gid: number; groups: number[]; home: string };

/** The largest id: one more means "leave it as it is" to the kernel. */
const MAX_ID = 0xffff_fffe;

/** `1000:100` or `1000`: then the group has the same number. Numbers only, for a container may have no /etc/passwd. */
function accountOf(user: string): Account {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  const account = { uid: Number(uid), gid: Number(gid), groups: [], home: '/' };
  if (uid !== undefined && account.uid <= MAX_ID && account.gid <= MAX_ID) return account;
  throw new Error(`--user takes numbers, uid or uid:gid, up to ${MAX_ID}: not "${user}"`);
}

/** Whom the image means by its `User`: name or number, and perhaps a group. Called in the container's root. */
function accountIn(user: string): Account {
  // TODO 9: look up uid, gid and home in /etc/passwd (NAME:x:UID:GID:REAL NAME:HOME:SHELL). In /etc/group
  // (NAME:x:GID:MEMBER,MEMBER) are the numbers of a group after the colon, and, where there is none, the other groups
  // that have this user for a member.
  throw new Error(`the image has no user "${user}"`);
}

/** The lines of a file such as passwd(5), each with its fields. */
function linesOf(file: string): string[][] {
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => line.split(':'));
}

/** Gives up root, for good. In this order: without root, neither groups nor gid can be changed any more. */
function becomeUser({ uid, gid, groups }: Account): void {
  linux.setgroups(groups);
  linux.setgid(gid);
  linux.setuid(uid);
}

/** A container's cgroup for one controller. */
class Cgroup {
  readonly version: 1 | 2;
  readonly directory: string;

  /** Makes it, below one that is the parent of all of ours. */
  constructor(controller: 'cpu' | 'memory', id: string) {
    const { version, mountPoint } = findController(controller);
    const parent = path.join(mountPoint, 'boxwright');
    fs.mkdirSync(parent, { recursive: true });
    // v2: a cgroup has the controllers that the one above hands down to it. So they are handed down from the top.
    for (const above of version === 2 ? [mountPoint, parent] : []) {
      fs.writeFileSync(path.join(above, 'cgroup.subtree_control'), `+${controller}`);
    }
    this.version = version;
    this.directory = path.join(parent, id);
    fs.mkdirSync(this.directory, { recursive: true });
  }

  write(file: string, value: string): void {
    fs.writeFileSync(path.join(this.directory, file), value);
  }
}

/** The container's cgroups: one directory on v2, two on v1. */
class Cgroups {
  readonly #cpu: Cgroup;
  readonly #memory: Cgroup;
  /** Each once. */
  readonly #directories: Set<string>;

  constructor(id: string) {
    this.#cpu = new Cgroup('cpu', id);
    this.#memory = new Cgroup('memory', id);
    this.#directories = new Set([this.#cpu.directory, this.#memory.directory]);
  }

  /** Sets the container's share of the CPU. */
  limitCpu(cpuShares: number): void {
    if (this.#cpu.version === 1) this.#cpu.write('cpu.shares', String(cpuShares));
    else this.#cpu.write('cpu.weight', String(weightOf(cpuShares)));
  }

  /** Sets how much memory it may use. The file for swap is missing where the kernel does not count it. */
  limitMemory({ memory, total }: MemoryLimits): void {
    const { version, directory } = this.#memory;
    const swapLimit = version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
    this.#memory.write(version === 1 ? 'memory.limit_in_bytes' : 'memory.max', String(memory));
    if (!fs.existsSync(path.join(directory, swapLimit))) return;
    // v1 limits the sum, v2 swap alone; and each has a word of its own for no limit.
    if (version === 1) this.#memory.write(swapLimit, total === Infinity ? '-1' : String(total));
    else this.#memory.write(swapLimit, total === Infinity ? 'max' : String(total - memory));
  }

  /** Moves this process, and what it starts from now on. 0 means whoever writes it. */
  join(): void {
    for (const directory of this.#directories) fs.writeFileSync(path.join(directory, 'cgroup.procs'), '0');
  }

  /** Whether the kernel has killed a process of the container because its memory was used up. */
  ranOutOfMemory(): boolean {
    const file = this.#memory.version === 1 ? 'memory.oom_control' : 'memory.events';
    const text = fs.readFileSync(path.join(this.#memory.directory, file), 'utf8');
    const [, kills] = /^oom_kill (\d+)$/m.exec(text) ?? [];
    return kills !== undefined && kills !== '0';
  }

  remove(): void {
    for (const directory of this.#directories) fs.rmdirSync(directory);
  }
}

/**
 * The weight (1 to 10000) for shares (2 to 262144), so that least, usual (1024, 100) and most mean the same in both.
 * As runc converts them: https://github.com/opencontainers/runc/pull/4785
 */
function weightOf(cpuShares: number): number {
  const magnitude = Math.log2(cpuShares);
  return Math.ceil(10 ** ((magnitude ** 2 + 125 * magnitude) / 612 - 7 / 34));
}

/** How much the container may use, in bytes: of memory, and of memory and swap together (Infinity: no limit). */
type MemoryLimits = { memory: number; total: number };

/** What the user typed, or null for no limits. */
function memoryLimits(memory: string | null, memorySwap: string | null): MemoryLimits | null {
  if (memory === null) {
    if (memorySwap !== null) throw new Error('--memory-swap needs --memory: it is memory and swap together');
    return null;
  }
  const limit = bytesOf('--memory', memory);
  // As docker does: as much swap as memory where nothing else is asked for.
  if (memorySwap === null) return { memory: limit, total: 2 * limit };
  const total = memorySwap === '-1' ? Infinity : bytesOf('--memory-swap', memorySwap);
  if (total < limit) {
    throw new Error(`--memory-swap ${memorySwap} is less than --memory ${memory}: it is memory and swap together`);
  }
  return { memory: limit, total };
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `64m` in bytes. */
function bytesOf(option: string, typed: string): number {
  const [, digits, unit = ''] = /^(\d+)([bkmg]?)$/i.exec(typed) ?? [];
  if (digits === undefined) throw new Error(`${option} takes a number of bytes, or one with k, m or g: not "${typed}"`);
  return Number(digits) * units[unit.toLowerCase()]!;
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
  linux.mount('sysfs', `${root}/sys`, 'sysfs', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** The devices that programs take for granted, by major and minor number: see the kernel's devices.txt. */
const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/** Fills a new /dev. */
function makeDevices(dev: string): void {
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
function become(command: string[], env: Record<string, string>): never {
  // TODO 8: make env the whole environment of this process (process.env). From there execvp takes PATH, and hands it on.
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(error.code === 'ENOENT' ? 127 : 126);
  }
}

box((options) => new Runtime(new ImageStore(options.imageDir)).run(options), { commandMayBeMissing: true });
