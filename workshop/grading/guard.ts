// What keeps root in a testbed away from the machine: two BPF programs on its cgroup, and capabilities taken away.
//
// A testbed shares the machine's kernel, and its programs are root without a user namespace: they need mknod, which a
// user namespace refuses. Opening a disk or writing to /proc/sys asks for no capability that could be taken away, and
// a container mounts a /proc of its own, so no read-only mount would cover it. The BPF programs of a cgroup decide
// about both in the kernel, whatever is mounted where. It is a guard against mistakes, and against the doors that are
// best known. It is no wall: root finds others, so programs of strangers belong into a virtual machine.
import fs from 'node:fs';
import { address, errno, libc, strerror } from '../../linux/libc.ts';

/** Capabilities that reach through to the machine, and that no container of this course needs. See capabilities(7). */
export const forbiddenCapabilities = [
  'audit_control',
  'block_suspend',
  'bpf',
  'dac_read_search',
  'mac_admin',
  'mac_override',
  'perfmon',
  'sys_boot',
  'sys_module',
  'sys_rawio',
  'sys_time',
  'syslog',
  'wake_alarm',
] as const;

/** Character devices that may be opened, by major and minor: what a container's /dev holds. See Linux's devices.txt. */
const openDevices = [
  [1, 3], // null
  [1, 5], // zero
  [1, 7], // full
  [1, 8], // random
  [1, 9], // urandom
  [5, 0], // tty
  [5, 2], // ptmx
] as const;
/** The majors of pseudo terminals: /dev/pts/N. */
const terminals = { first: 136, last: 143 };

/**
 * Guards a cgroup of version 2 and all below it: devices other than a container's cannot be opened (but made), and
 * nothing under /proc/sys can be written but the host's name and the network's settings, which a testbed has its own of.
 *
 * @throws Error where the kernel does not take the programs
 */
export function guard(directory: string): void {
  attach(directory, BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, deviceProgram());
  attach(directory, BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL, sysctlProgram());
}

// linux/bpf.h
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_PROG_TYPE_CGROUP_SYSCTL = 23;
const BPF_CGROUP_DEVICE = 6;
const BPF_CGROUP_SYSCTL = 18;
const BPF_F_ALLOW_MULTI = 2;
const BPF_DEVCG_ACC_MKNOD = 1;
const BPF_DEVCG_DEV_CHAR = 2;
const BPF_FUNC_sysctl_get_name = 101;
/** The number of bpf(2). */
const SYS_bpf = process.arch === 'arm64' ? 280 : 321;

// Not that of fs, which warns of descriptors that it has not opened.
const close = libc('int close(int fd)');
const syscall = libc('long syscall(long number, long cmd, void *attr, unsigned int size)');

function bpf(command: number, attributes: Buffer): number {
  const result = syscall(SYS_bpf, command, attributes, attributes.length);
  if (result === -1) throw new Error(`bpf(${command}) failed: ${strerror(errno())}`);
  return result;
}

function attach(directory: string, type: number, place: number, program: Buffer): void {
  const license = Buffer.from('MIT\0');
  const load = Buffer.alloc(48);
  load.writeUInt32LE(type, 0);
  load.writeUInt32LE(program.length / INSTRUCTION_SIZE, 4);
  load.writeBigUInt64LE(address(program), 8);
  load.writeBigUInt64LE(address(license), 16);
  const cgroup = fs.openSync(directory, 'r');
  try {
    const loaded = bpf(BPF_PROG_LOAD, load);
    const attributes = Buffer.alloc(16);
    attributes.writeUInt32LE(cgroup, 0);
    attributes.writeUInt32LE(loaded, 4);
    attributes.writeUInt32LE(place, 8);
    attributes.writeUInt32LE(BPF_F_ALLOW_MULTI, 12);
    try {
      bpf(BPF_PROG_ATTACH, attributes);
    } finally {
      // The cgroup holds it from here on, and lets it go when it is removed.
      close(loaded);
    }
  } finally {
    fs.closeSync(cgroup);
  }
}

// ---- the programs, in BPF's instruction set (Linux's Documentation/bpf/standardization) ------------------------

/** Bytes. */
const INSTRUCTION_SIZE = 8;
type Register = 0 | 1 | 2 | 3 | 4 | 10;
type Verdict = 'allow' | 'deny';
/** One instruction, or two of them for a 64-bit constant. A jump goes to a verdict, or over `offset` instructions. */
type Instruction = { code: number; to?: Register; from?: Register; offset?: number | Verdict; value?: number | bigint };

const setTo = (to: Register, value: number): Instruction => ({ code: 0xb7, to, value });
const setToWide = (to: Register, value: bigint): Instruction => ({ code: 0x18, to, value });
const copy = (to: Register, from: Register): Instruction => ({ code: 0xbf, to, from });
const copyLowHalf = (to: Register, from: Register): Instruction => ({ code: 0xbc, to, from });
const add = (to: Register, value: number): Instruction => ({ code: 0x07, to, value });
const and = (to: Register, value: number): Instruction => ({ code: 0x57, to, value });
const shiftRight = (to: Register, value: number): Instruction => ({ code: 0x77, to, value });
const loadWord = (to: Register, from: Register, offset: number): Instruction => ({ code: 0x61, to, from, offset });
const loadDouble = (to: Register, from: Register, offset: number): Instruction => ({ code: 0x79, to, from, offset });
const clearDouble = (to: Register, offset: number): Instruction => ({ code: 0x7a, to, offset });
const ifEqual = (to: Register, value: number, offset: number | Verdict): Instruction => ({
  code: 0x15,
  to,
  value,
  offset,
});
const ifNotEqual = (to: Register, value: number, offset: number | Verdict): Instruction => ({
  code: 0x55,
  to,
  value,
  offset,
});
const ifSame = (to: Register, from: Register, offset: Verdict): Instruction => ({ code: 0x1d, to, from, offset });
const ifDifferent = (to: Register, from: Register, offset: number): Instruction => ({ code: 0x5d, to, from, offset });
const ifBelow = (to: Register, value: number, offset: number): Instruction => ({ code: 0xa5, to, value, offset });
const ifAtMost = (to: Register, value: number, offset: Verdict): Instruction => ({ code: 0xb5, to, value, offset });
const callHelper = (value: number): Instruction => ({ code: 0x85, value });
const jump = (offset: Verdict): Instruction => ({ code: 0x05, offset });
const exit: Instruction = { code: 0x95 };

/** struct bpf_cgroup_dev_ctx: access and type in one word, major, minor. */
function deviceProgram(): Buffer {
  const kind = 2;
  const major = 3;
  const minor = 4;
  return assemble([
    loadWord(kind, 1, 0),
    loadWord(major, 1, 4),
    loadWord(minor, 1, 8),
    copy(1, kind),
    // The upper half is what is asked for. Making a node harms nobody who cannot open it.
    shiftRight(1, 16),
    ifEqual(1, BPF_DEVCG_ACC_MKNOD, 'allow'),
    and(kind, 0xffff),
    ifNotEqual(kind, BPF_DEVCG_DEV_CHAR, 'deny'),
    ifBelow(major, terminals.first, 1),
    ifAtMost(major, terminals.last, 'allow'),
    ...openDevices.flatMap(([wantedMajor, wantedMinor]) => [
      ifNotEqual(major, wantedMajor, 1),
      ifEqual(minor, wantedMinor, 'allow'),
    ]),
    jump('deny'),
  ]);
}

/** struct bpf_sysctl: its first word is 1 for a write. The name comes from a helper: `kernel/hostname`. */
function sysctlProgram(): Buffer {
  const name = Buffer.from('kernel/hostname\0');
  const network = Buffer.from('net/').readUInt32LE();
  return assemble([
    loadWord(2, 1, 0),
    ifEqual(2, 0, 'allow'),
    clearDouble(10, -16),
    clearDouble(10, -8),
    copy(2, 10),
    add(2, -16),
    setTo(3, name.length),
    setTo(4, 0),
    callHelper(BPF_FUNC_sysctl_get_name),
    loadDouble(2, 10, -16),
    loadDouble(3, 10, -8),
    setToWide(4, name.readBigUInt64LE(0)),
    // Over the comparison of the second half, of which the constant alone takes two.
    ifDifferent(2, 4, 3),
    setToWide(4, name.readBigUInt64LE(8)),
    ifSame(3, 4, 'allow'),
    copyLowHalf(2, 2),
    ifEqual(2, network, 'allow'),
    jump('deny'),
  ]);
}

/** The program with its two ends: `deny` (0, the caller gets EPERM) and `allow` (1). */
function assemble(instructions: readonly Instruction[]): Buffer {
  const length = (list: readonly Instruction[]): number =>
    list.reduce((sum, { code }) => sum + (code === 0x18 ? 2 : 1), 0);
  const deny = length(instructions);
  const ends = { deny, allow: deny + 2 };
  const program = [...instructions, setTo(0, 0), exit, setTo(0, 1), exit];
  return Buffer.concat(
    program.flatMap(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
      const next = length(program.slice(0, index)) + 1;
      const distance = typeof offset === 'number' ? offset : ends[offset] - next;
      const wide = BigInt(value);
      const first = encode(code, to, from, distance, Number(BigInt.asIntN(32, wide)));
      return code === 0x18 ? [first, encode(0, 0, 0, 0, Number(BigInt.asIntN(32, wide >> 32n)))] : [first];
    }),
  );
}

function encode(code: number, to: Register, from: Register, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(INSTRUCTION_SIZE);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8(to | (from << 4), 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}
