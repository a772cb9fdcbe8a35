// Bonus: images as people pull them, in layers; and a runtime that is made of classes.
import { createHash } from 'node:crypto';
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
    const folder = this.#has(name, 'index.json') ? name : this.#takenApart(name);
    if (this.#has(folder, 'index.json')) return this.#fromLayout(folder);
    if (this.#has(folder, 'manifest.json')) return this.#fromSaved(folder);
    // As in the levels before: the archive is the root itself.
    return { layers: [folder], config: null };
  }

  /** An OCI image layout: an index, and blobs that are named by their digests. */
  #fromLayout(folder: string): Image {
    const blob = (digest: string): string => path.join(folder, 'blobs', 'sha256', hexOf(digest));
    let document: Index | Manifest = JSON.parse(fs.readFileSync(this.#path(folder, 'index.json'), 'utf8'));
    // An index may lead to another one, in which the image is there for several machines.
    while ('manifests' in document) {
      const { digest } = forThisMachine(document.manifests);
      document = this.#json<Index | Manifest>(blob(digest), digest);
    }
    const { digest } = document.config;
    const { config = {} } = this.#json<Config>(blob(digest), digest);
    return { layers: document.layers.map((layer) => this.#layer(blob(layer.digest), layer.digest)), config };
  }

  /** What `docker save` writes: a manifest with names of files, and a config with the digests of the layers. */
  #fromSaved(folder: string): Image {
    type Saved = { Config: string; Layers: string[] };
    const [saved]: [Saved] = JSON.parse(fs.readFileSync(this.#path(folder, 'manifest.json'), 'utf8'));
    // The config is called by its own digest.
    const digest = `sha256:${path.basename(saved.Config, '.json')}`;
    const { config = {}, rootfs } = this.#json<Config>(path.join(folder, saved.Config), digest);
    const digests = rootfs.diff_ids;
    return { layers: saved.Layers.map((file, at) => this.#layer(path.join(folder, file), digests[at] ?? '')), config };
  }

  /** The directory of a layer. It is unpacked when it is first needed, whichever image it came with. */
  #layer(file: string, digest: string): string {
    return this.#once(path.join('.layers', hexOf(digest)), (unfinished) => {
      unpack(openVerified(this.#path(file), digest), unfinished);
    });
  }

  #json<Document>(file: string, digest: string): Document {
    const descriptor = openVerified(this.#path(file), digest);
    const text = Buffer.concat([...piecesOf(descriptor)]).toString();
    fs.closeSync(descriptor);
    return JSON.parse(text);
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

/** The 64 digits of a digest. They become the name of a file, so nothing else may pass for them. */
function hexOf(digest: string): string {
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
  if (hex === undefined) throw new Error(`"${digest}" is no digest that box.ts can check`);
  return hex;
}

/** Among the entries of an index the one for this machine; an entry that names none is for all. */
function forThisMachine(manifests: Descriptor[]): Descriptor {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  const found = manifests.find(
    ({ platform }) => platform === undefined || (platform.os === 'linux' && platform.architecture === architecture),
  );
  if (found === undefined) throw new Error(`the image is not made for linux on ${architecture}`);
  return found;
}

/** Opens a file whose content is what the digest says. @throws Error where it is something else */
function openVerified(file: string, digest: string): number {
  const descriptor = fs.openSync(file, 'r');
  const hash = createHash('sha256');
  for (const piece of piecesOf(descriptor)) hash.update(piece);
  if (hash.digest('hex') !== hexOf(digest)) throw new Error(`${file} is not what its digest says: ${digest}`);
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
  const pid = linux.fork();
  if (pid === 0) unpackAsRoot(archive, directory);
  fs.closeSync(archive);
  if (linux.waitpid(pid).exitCode !== 0) throw new Error('an archive of the image cannot be unpacked');
}

/** The unpacking child. Its root is the directory, so that no name in the archive leads out of it. Does not return. */
function unpackAsRoot(archive: number, directory: string): never {
  const setIds: [file: string, mode: number][] = [];
  try {
    // Made before the root changes: not until then is the package tar loaded.
    const unpacker = new tar.UnpackSync({
      cwd: '/',
      // Or what cannot be unpacked would be left out without a word.
      strict: true,
      // Or tar would take the slash from /bin/busybox, and every link to it would dangle.
      preservePaths: true,
      chmod: true,
      filter(name, entry) {
        if (!('type' in entry) || entry.type.endsWith('Device') || entry.type === 'FIFO') return false;
        if (path.basename(name).startsWith('.wh.')) {
          whiteOut(path.join('/', name));
          return false;
        }
        if ((entry.mode! & 0o6000) !== 0) setIds.push([path.join('/', name), entry.mode!]);
        return true;
      },
    });
    linux.chroot(directory);
    process.chdir('/');
    // Or the umask would take from the modes: /tmp is for everybody to write into.
    linux.umask(0);
    for (const piece of piecesOf(archive)) unpacker.write(piece);
    unpacker.end();
    // A file that gets an owner loses its set-user-ID bit, and tar sets the owner last. A new directory never has one.
    for (const [file, mode] of setIds) fs.chmodSync(file, mode);
    linux._exit(0);
  } catch (error) {
    console.error(`box.ts: ${error}`);
    linux._exit(1);
  }
}

/** What a layer says is deleted, in the words of overlay. */
function whiteOut(marker: string): void {
  const directory = path.dirname(marker);
  // It may be named nowhere in the layer. Then it takes its mode from here.
  fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (path.basename(marker) === '.wh..wh..opq') {
    // Nothing that lower layers have in this directory is shown.
    linux.setxattr(directory, 'trusted.overlay.opaque', 'y');
  } else {
    const deleted = path.join(directory, path.basename(marker).slice('.wh.'.length));
    linux.mknod(deleted, linux.S_IFCHR, linux.makedev(0, 0));
  }
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
    // The kernel reads 4096 bytes of data and no more. Names that are relative leave room for more layers.
    process.chdir(images.folder);
    // Of several directories the first is the topmost.
    const lowerdir = layers.toReversed().join(':');
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
    const { WorkingDir, User } = image.config ?? {};
    if (WorkingDir) {
      fs.mkdirSync(WorkingDir, { recursive: true });
      process.chdir(WorkingDir);
    }
    // Here, where /etc/passwd is the image's.
    const who = account ?? (User ? accountIn(User) : null);
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
  const words = typed.length > 0 ? typed : (config?.Cmd ?? []);
  const command = [...(config?.Entrypoint ?? []), ...words];
  if (command.length === 0) throw new Error('a command is missing, and the image names none');
  return command;
}

/** The command's environment: the image's, in which the user may set variables, and nothing of the host's. */
function environmentOf({ config }: Image, { env, typedEnv }: BoxOptions): Record<string, string> {
  if (config === null) return env;
  const variables = (config.Env ?? []).map((entry) => {
    const [name] = entry.split('=', 1);
    return [name!, entry.slice(name!.length + 1)] as const;
  });
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, ...Object.fromEntries(variables), ...typedEnv };
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
  const [name, group] = user.split(':');
  const users = linesOf('/etc/passwd');
  const groups = linesOf('/etc/group');
  const found = users.find((line) => line[0] === name || line[2] === name);
  const uid = found?.[2] ?? name!;
  const gid = group === undefined ? (found?.[3] ?? '0') : (groups.find((line) => line[0] === group)?.[2] ?? group);
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) throw new Error(`the image has no user "${user}"`);
  const member = groups.filter((line) => group === undefined && line[3]?.split(',').includes(found?.[0] ?? ''));
  const numbers = member.map((line) => Number(line[2]));
  return { uid: Number(uid), gid: Number(gid), groups: numbers, home: found?.[5] ?? '/' };
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
  // execvp looks up the command in the PATH of this process, and hands its environment over.
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
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
