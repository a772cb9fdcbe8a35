// Tries the doors to the machine that root knows. Prints each that opens, and nothing else. What it does where one
// opens is harmless: a value is written as it was, a device is only opened.
import fs from 'node:fs';
import * as linux from '#linux';
import { errno, libc } from '../../../linux/libc.ts';

function attempt(door: string, open: () => void): void {
  try {
    open();
    console.log(door);
  } catch {
    // Closed.
  }
}

/** Writes to the file what is in it. */
function rewrite(file: string): void {
  fs.writeFileSync(file, fs.readFileSync(file));
}

// Devices: all that the kernel knows, and the best known of the others.
const disks = fs
  .readFileSync('/proc/partitions', 'utf8')
  .split('\n')
  .map((line) => /^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)/.exec(line))
  .filter((match) => match !== null);
const devices = [
  ...disks.map(([, major, minor, name]) => ({
    name: name!,
    type: linux.S_IFBLK,
    major: Number(major),
    minor: Number(minor),
  })),
  { name: 'loop0', type: linux.S_IFBLK, major: 7, minor: 0 },
  { name: 'mem', type: linux.S_IFCHR, major: 1, minor: 1 },
  { name: 'port', type: linux.S_IFCHR, major: 1, minor: 4 },
  { name: 'kmsg', type: linux.S_IFCHR, major: 1, minor: 11 },
  { name: 'tty0', type: linux.S_IFCHR, major: 4, minor: 0 },
  { name: 'console', type: linux.S_IFCHR, major: 5, minor: 1 },
  { name: 'fuse', type: linux.S_IFCHR, major: 10, minor: 229 },
  { name: 'loop-control', type: linux.S_IFCHR, major: 10, minor: 237 },
];
for (const { name, type, major, minor } of devices) {
  linux.mknod(`/root/${name}`, type | 0o600, linux.makedev(major, minor));
  attempt(`device ${name}`, () => fs.closeSync(fs.openSync(`/root/${name}`, 'r')));
}

// The settings of the kernel, also through a /proc of our own.
fs.mkdirSync('/root/proc');
linux.mount('proc', '/root/proc', 'proc');
for (const proc of ['/proc', '/root/proc']) {
  for (const setting of ['vm/swappiness', 'kernel/core_pattern', 'kernel/panic', 'fs/file-max', 'kernel/modprobe']) {
    attempt(`${proc}/sys/${setting}`, () => rewrite(`${proc}/sys/${setting}`));
  }
  // Only opened: what is written to it is done.
  attempt(`${proc}/sysrq-trigger`, () => fs.closeSync(fs.openSync(`${proc}/sysrq-trigger`, fs.constants.O_WRONLY)));
}

// The cgroup hierarchies: release_agent stands in the root of one, and the kernel starts the program named there.
for (const controller of [
  'cpu',
  'memory',
  'freezer',
  'devices',
  'blkio',
  'cpuset',
  'net_cls',
  'perf_event',
  'hugetlb',
]) {
  attempt(`release_agent of ${controller}`, () => {
    fs.mkdirSync(`/root/${controller}`);
    linux.mount('cgroup', `/root/${controller}`, 'cgroup', 0, controller);
    fs.statSync(`/root/${controller}/release_agent`);
  });
}

// Processes: all of them are the testbed's own.
for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
  attempt(`process ${pid} of another PID namespace`, () => {
    if (fs.readlinkSync(`/proc/${pid}/ns/pid`) === fs.readlinkSync('/proc/self/ns/pid')) throw new Error('ours');
  });
}

// The clock, modules, the kernel itself, files by their handles: EPERM where it is closed, another error (no module,
// no such command) where it would have been done.
const EPERM = 1;
const ENOSYS = 38;
function attemptCall(door: string, prototype: string, ...words: unknown[]): void {
  const result = libc(prototype)(...words);
  if (result !== -1 || ![EPERM, ENOSYS].includes(errno())) console.log(door);
}

const time = Buffer.alloc(16);
libc('int clock_gettime(int clock, void *time)')(0, time);
attemptCall('clock', 'int clock_settime(int clock, void *time)', 0, time);
attemptCall(
  'modules',
  'int init_module(void *image, unsigned long length, const char *options)',
  Buffer.alloc(4),
  4,
  '',
);
attemptCall('reboot', 'int reboot(int command)', 0);
attemptCall('kernel messages', 'int klogctl(int type, void *buffer, int length)', 5, null, 0);
attemptCall('ports', 'int iopl(int level)', 3);
const handle = Buffer.alloc(136);
const HANDLE_BYTES = 8;
handle.writeUInt32LE(HANDLE_BYTES);
const mount = fs.openSync('/', 'r');
attemptCall('file handles', 'int open_by_handle_at(int mount, void *handle, int flags)', mount, handle, 0);
console.log('that is all');
