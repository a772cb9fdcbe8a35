// Bonus: fences. Root in the container is not what root on the host is.
import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import * as linux from '#linux';
import * as seccomp from '#linux/seccomp';
import { findController } from '#cgroup';
import { box, type BoxOptions } from '#command-line';

/** All that the child gets of its own, from its first instruction on. */
const namespaces =
  linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;

/** Runs the command in a new container and returns the exit status to report for it. */
function run({ image, imageDir, containerDir, cpuShares, memory, memorySwap, user, command }: BoxOptions): number {
  const limits = memoryLimits(memory, memorySwap);
  const account = user === null ? null : accountOf(user);
  // Here, because libseccomp is a file of the host, which the child leaves.
  const filter = makeFilter();
  const lowerdir = unpackOnce(imageDir, image);
  fs.mkdirSync(containerDir, { recursive: true });
  const directory = fs.mkdtempSync(path.join(containerDir, 'box-'));

  const cgroups = makeCgroups(path.basename(directory));
  try {
    if (cpuShares !== null) limitCpu(cgroups.cpu, cpuShares);
    if (limits !== null) limitMemory(cgroups.memory, limits);
  } catch (error) {
    removeCgroups(cgroups);
    throw error;
  }

  // SIGCHLD: without it waitpid does not see the child.
  const pid = linux.clone(
    () => contain(directory, lowerdir, cgroups, account, filter, command),
    namespaces | linux.SIGCHLD,
  );
  seccomp.seccomp_release(filter);

  const { exitCode, signal } = linux.waitpid(pid);
  if (ranOutOfMemory(cgroups.memory)) console.error(`box.ts: the container ran out of memory (limit: ${memory})`);
  // With PID 1 all of the container's processes have ended, so the cgroups are empty and can be removed.
  removeCgroups(cgroups);
  return exitCode ?? 128 + signal!;
}

/** The container's cgroup for each controller: one directory on v2, two on v1. */
type Cgroups = { cpu: Cgroup; memory: Cgroup };
type Cgroup = { version: 1 | 2; directory: string };

function makeCgroups(id: string): Cgroups {
  return { cpu: makeCgroup('cpu', id), memory: makeCgroup('memory', id) };
}

function removeCgroups(cgroups: Cgroups): void {
  for (const cgroup of directoriesOf(cgroups)) fs.rmdirSync(cgroup);
}

/** The cgroups' directories, each once. */
function directoriesOf({ cpu, memory }: Cgroups): Set<string> {
  return new Set([cpu.directory, memory.directory]);
}

/** Makes the container's cgroup for a controller, below one that is the parent of all of ours. */
function makeCgroup(controller: 'cpu' | 'memory', id: string): Cgroup {
  const { version, mountPoint } = findController(controller);
  const parent = path.join(mountPoint, 'boxwright');
  fs.mkdirSync(parent, { recursive: true });
  // v2: a cgroup has the controllers that the one above hands down to it. So they are handed down from the top.
  if (version === 2) {
    for (const above of [mountPoint, parent]) writeTo(above, 'cgroup.subtree_control', `+${controller}`);
  }
  const directory = path.join(parent, id);
  fs.mkdirSync(directory, { recursive: true });
  return { version, directory };
}

function writeTo(cgroup: string, file: string, value: string): void {
  fs.writeFileSync(path.join(cgroup, file), value);
}

/** Sets the container's share of the CPU. */
function limitCpu({ version, directory }: Cgroup, cpuShares: number): void {
  if (version === 1) writeTo(directory, 'cpu.shares', String(cpuShares));
  else writeTo(directory, 'cpu.weight', String(weightOf(cpuShares)));
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

/** Sets the container's limits. The file for swap is missing where the kernel does not count it. */
function limitMemory({ version, directory }: Cgroup, { memory, total }: MemoryLimits): void {
  const limit = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  const swapLimit = version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
  writeTo(directory, limit, String(memory));
  if (!fs.existsSync(path.join(directory, swapLimit))) return;
  // v1 limits the sum, v2 swap alone; and each has a word of its own for no limit.
  if (version === 1) writeTo(directory, swapLimit, total === Infinity ? '-1' : String(total));
  else writeTo(directory, swapLimit, total === Infinity ? 'max' : String(total - memory));
}

/** Whether the kernel has killed a process of the container because its memory was used up. */
function ranOutOfMemory({ version, directory }: Cgroup): boolean {
  const file = version === 1 ? 'memory.oom_control' : 'memory.events';
  const [, kills] = /^oom_kill (\d+)$/m.exec(fs.readFileSync(path.join(directory, file), 'utf8')) ?? [];
  return kills !== undefined && kills !== '0';
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
  const data = `lowerdir=${lowerdir},upperdir=${upperdir},workdir=${workdir}`;
  // MS_NODEV: whatever comes to lie in the image or is made by the container, it opens no door to a device.
  linux.mount('overlay', root!, 'overlay', linux.MS_NODEV, data);
  return root!;
}

/** The child: goes into the container and becomes the command. Does not return. */
function contain(
  directory: string,
  lowerdir: string,
  cgroups: Cgroups,
  account: Account | null,
  filter: seccomp.ScmpFilterCtx,
  command: string[],
): never {
  // 0 means whoever writes it: the child's pid is another one outside. What it starts from now on is in there, too.
  for (const cgroup of directoriesOf(cgroups)) writeTo(cgroup, 'cgroup.procs', '0');
  // Not before: the cgroup in which a process is at this moment becomes the root of what it can see.
  linux.unshare(linux.CLONE_NEWCGROUP);
  // Our table is a copy, whose mounts are still peers of the host's: what is mounted here would be mounted there, too.
  linux.mount('none', '/', null, linux.MS_PRIVATE | linux.MS_REC);
  // The container's id, which is the name of its directory.
  linux.sethostname(path.basename(directory));

  const root = mountRoot(directory, lowerdir);
  mountFilesystems(root);
  coverPaths(root);
  enterRoot(root);
  // Nothing that needs more of root comes after this.
  limitCapabilities();
  if (account !== null) becomeUser(account);
  // PID 1 takes its container with it when it ends. This makes it end when the runtime does, however that happens. The
  // kernel forgets it when the user changes, so it stands after that.
  linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
  // Without it, whoever is not root may not load a filter: with one, a set-user-ID program could be led astray.
  linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1);
  // Last: it also holds for us, and we needed some of what it refuses.
  seccomp.seccomp_load(filter);
  become(command);
}

/** What root in a container is left with: files and users of the container, and little else. As Podman has it. */
const kept: readonly number[] = [
  linux.CAP_CHOWN,
  linux.CAP_DAC_OVERRIDE,
  linux.CAP_FOWNER,
  linux.CAP_FSETID,
  linux.CAP_KILL,
  linux.CAP_NET_BIND_SERVICE,
  linux.CAP_SETFCAP,
  linux.CAP_SETGID,
  linux.CAP_SETPCAP,
  linux.CAP_SETUID,
  linux.CAP_SYS_CHROOT,
];

/** Takes away all capabilities but those that are kept, in a way that exec does not give them back. */
function limitCapabilities(): void {
  // The kernel may know more of them than we do.
  const last = Number(fs.readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  for (let capability = 0; capability <= last; capability += 1) {
    // An exec gives root what is in the bounding set.
    if (!kept.includes(capability)) linux.prctl(linux.PR_CAPBSET_DROP, capability);
  }
  // Both are inherited from whoever started this program, and exec adds them to the rest.
  linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL);
  linux.capset({ effective: [...kept], permitted: [...kept], inheritable: [] });
}

/** System calls that no program in a container needs, and that lead to much code of the kernel. */
const refused = [
  'mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr setns unshare',
  'open_by_handle_at swapon swapoff quotactl acct kexec_load kexec_file_load init_module finit_module',
  'delete_module reboot syslog settimeofday clock_settime clock_adjtime iopl ioperm bpf perf_event_open',
  'userfaultfd add_key request_key keyctl io_uring_setup io_uring_enter io_uring_register',
].flatMap((names) => names.split(' '));

/** The flags of clone for which it makes a namespace. */
const namespaceFlags = [
  linux.CLONE_NEWNS,
  linux.CLONE_NEWUTS,
  linux.CLONE_NEWPID,
  linux.CLONE_NEWIPC,
  linux.CLONE_NEWNET,
  linux.CLONE_NEWUSER,
  linux.CLONE_NEWCGROUP,
];

/** The filter for the command's system calls: what it does not name is let through. */
function makeFilter(): seccomp.ScmpFilterCtx {
  const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
  const refuse = seccomp.SCMP_ACT_ERRNO(seccomp.EPERM);
  for (const name of refused) seccomp.seccomp_rule_add(filter, refuse, seccomp.seccomp_syscall_resolve_name(name));

  // clone makes every process. It is refused where one of these bits is set in its flags, the first argument.
  const clone = seccomp.seccomp_syscall_resolve_name('clone');
  for (const flag of namespaceFlags) {
    const isSet = { arg: 0, op: seccomp.SCMP_CMP_MASKED_EQ, datum_a: flag, datum_b: flag };
    seccomp.seccomp_rule_add(filter, refuse, clone, isSet);
  }
  // clone3 has its flags in memory, where no filter can look. Where it is absent, C libraries use clone.
  const clone3 = seccomp.seccomp_syscall_resolve_name('clone3');
  seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.ENOSYS), clone3);
  return filter;
}

/** Whom the command runs as. */
type Account = { uid: number; gid: number };

/** The largest id: one more means "leave it as it is" to the kernel. */
const MAX_ID = 0xffff_fffe;

/** `1000:100` or `1000`: then the group has the same number. Numbers only, for a container may have no /etc/passwd. */
function accountOf(user: string): Account {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  const account = { uid: Number(uid), gid: Number(gid) };
  if (uid !== undefined && account.uid <= MAX_ID && account.gid <= MAX_ID) return account;
  throw new Error(`--user takes numbers, uid or uid:gid, up to ${MAX_ID}: not "${user}"`);
}

/** Gives up root, for good. In this order: without root, neither groups nor gid can be changed any more. */
function becomeUser({ uid, gid }: Account): void {
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
  // Read-only: what is in there is the host's.
  const flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC;
  linux.mount('sysfs', `${root}/sys`, 'sysfs', flags);
  linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mode=755');
  makeDevices(`${root}/dev`);
}

/** In /proc and /sys, what tells a container too much of the host, and what lets it change the host. As runc has it. */
const masked = [
  '/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi',
  '/proc/timer_list /sys/devices/virtual/powercap /sys/firmware',
].flatMap((names) => names.split(' '));
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Covers those paths, as far as this kernel has them. */
function coverPaths(root: string): void {
  const bound = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY;
  const restricted = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC;
  for (const target of masked.map((name) => `${root}${name}`).filter((name) => fs.existsSync(name))) {
    if (fs.statSync(target).isDirectory()) linux.mount('tmpfs', target, 'tmpfs', linux.MS_RDONLY | restricted);
    else linux.mount(`${root}/dev/null`, target, null, linux.MS_BIND);
  }
  for (const target of readOnly.map((name) => `${root}${name}`).filter((name) => fs.existsSync(name))) {
    linux.mount(target, target, null, linux.MS_BIND | linux.MS_REC);
    // A second call, for the first one takes no notice of other flags.
    linux.mount(null, target, null, bound | restricted);
  }
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
