// Capabilities: what root may do, in pieces. See capabilities(7), capget(2), capset(2).
import { whole } from './argument.ts';
import { call, failed } from './call.ts';
import { type CFunction, errno, libc } from './libc.ts';

// linux/capability.h
/** Give files away. */
export const CAP_CHOWN = 0;
/** Read, write and execute files whatever their permission bits say. */
export const CAP_DAC_OVERRIDE = 1;
/** Read files and search directories whatever their permission bits say, and open files by handle. */
export const CAP_DAC_READ_SEARCH = 2;
/** Do with files of others what their owner may do. */
export const CAP_FOWNER = 3;
/** Keep set-user-ID bits of a file that is changed. */
export const CAP_FSETID = 4;
/** Send signals to processes of others. */
export const CAP_KILL = 5;
/** Change gids and supplementary groups. */
export const CAP_SETGID = 6;
/** Change uids. */
export const CAP_SETUID = 7;
/** Take from the bounding set, and give on inheritable capabilities. */
export const CAP_SETPCAP = 8;
/** Make files immutable. */
export const CAP_LINUX_IMMUTABLE = 9;
/** Listen at ports below 1024. */
export const CAP_NET_BIND_SERVICE = 10;
/** Unused. */
export const CAP_NET_BROADCAST = 11;
/** Change interfaces, routes and firewalls. */
export const CAP_NET_ADMIN = 12;
/** Raw sockets and packet sockets. */
export const CAP_NET_RAW = 13;
/** Lock memory. */
export const CAP_IPC_LOCK = 14;
/** Use IPC objects of others. */
export const CAP_IPC_OWNER = 15;
/** Load kernel modules. */
export const CAP_SYS_MODULE = 16;
/** Reach hardware: ports, memory, raw disks. */
export const CAP_SYS_RAWIO = 17;
/** Call chroot, and setns into a mount namespace. */
export const CAP_SYS_CHROOT = 18;
/** Trace and read processes of others. */
export const CAP_SYS_PTRACE = 19;
/** Switch process accounting. */
export const CAP_SYS_PACCT = 20;
/** Much else: mount, setns, unshare, sethostname and hundreds more. */
export const CAP_SYS_ADMIN = 21;
/** Call reboot and kexec_load. */
export const CAP_SYS_BOOT = 22;
/** Give processes priority. */
export const CAP_SYS_NICE = 23;
/** Go over limits. */
export const CAP_SYS_RESOURCE = 24;
/** Set the clock. */
export const CAP_SYS_TIME = 25;
/** Configure terminals. */
export const CAP_SYS_TTY_CONFIG = 26;
/** Make device nodes. */
export const CAP_MKNOD = 27;
/** Take leases on files of others. */
export const CAP_LEASE = 28;
/** Write to the kernel's audit log. */
export const CAP_AUDIT_WRITE = 29;
/** Configure auditing. */
export const CAP_AUDIT_CONTROL = 30;
/** Give files capabilities. */
export const CAP_SETFCAP = 31;
/** Override mandatory access control. */
export const CAP_MAC_OVERRIDE = 32;
/** Configure mandatory access control. */
export const CAP_MAC_ADMIN = 33;
/** Read the kernel log, and see the kernel's addresses. */
export const CAP_SYSLOG = 34;
/** Wake the machine up. */
export const CAP_WAKE_ALARM = 35;
/** Keep the machine from sleeping. */
export const CAP_BLOCK_SUSPEND = 36;
/** Read the audit log. */
export const CAP_AUDIT_READ = 37;
/** Measure the machine's performance. */
export const CAP_PERFMON = 38;
/** Load BPF programs. */
export const CAP_BPF = 39;
/** Checkpoint and restore processes. */
export const CAP_CHECKPOINT_RESTORE = 40;

/** By number: there is no gap. */
const names = Object.keys({
  CAP_CHOWN,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  CAP_KILL,
  CAP_SETGID,
  CAP_SETUID,
  CAP_SETPCAP,
  CAP_LINUX_IMMUTABLE,
  CAP_NET_BIND_SERVICE,
  CAP_NET_BROADCAST,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_IPC_LOCK,
  CAP_IPC_OWNER,
  CAP_SYS_MODULE,
  CAP_SYS_RAWIO,
  CAP_SYS_CHROOT,
  CAP_SYS_PTRACE,
  CAP_SYS_PACCT,
  CAP_SYS_ADMIN,
  CAP_SYS_BOOT,
  CAP_SYS_NICE,
  CAP_SYS_RESOURCE,
  CAP_SYS_TIME,
  CAP_SYS_TTY_CONFIG,
  CAP_MKNOD,
  CAP_LEASE,
  CAP_AUDIT_WRITE,
  CAP_AUDIT_CONTROL,
  CAP_SETFCAP,
  CAP_MAC_OVERRIDE,
  CAP_MAC_ADMIN,
  CAP_SYSLOG,
  CAP_WAKE_ALARM,
  CAP_BLOCK_SUSPEND,
  CAP_AUDIT_READ,
  CAP_PERFMON,
  CAP_BPF,
  CAP_CHECKPOINT_RESTORE,
});

/** A thread's sets of capabilities, each as their numbers: `[CAP_CHOWN, CAP_KILL]`. */
export type CapabilitySets = {
  /** What it may do now. */
  effective: number[];
  /** What it may make effective. */
  permitted: number[];
  /** What it keeps over an exec of a program whose file has the same. */
  inheritable: number[];
};

/** struct __user_cap_header_struct: version 3, which has two words a set, and the pid, 0 for the caller. */
const header = Buffer.alloc(8);
const _LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
header.writeUInt32LE(_LINUX_CAPABILITY_VERSION_3);
/** Two of struct __user_cap_data_struct: effective, permitted, inheritable of 0 to 31, and again of 32 to 63. */
const DATA_SIZE = 24;
const kinds = ['effective', 'permitted', 'inheritable'] as const;
const highest = 63;

let native: { capget: CFunction; capset: CFunction } | undefined;

/** Declared when they are used, which is not in every program. */
function functions(): { capget: CFunction; capset: CFunction } {
  native ??= {
    capget: libc('int capget(void *hdrp, void *datap)'),
    capset: libc('int capset(void *hdrp, const void *datap)'),
  };
  return native;
}

/** The capabilities of the caller. See capget(2). @throws LinuxError */
export function capget(): CapabilitySets {
  const data = Buffer.alloc(DATA_SIZE);
  if (functions().capget(header, data) === -1) throw failed('capget', errno(), [], capget);
  const set = (offset: number): number[] => {
    const bits = BigInt(data.readUInt32LE(offset)) | (BigInt(data.readUInt32LE(offset + 12)) << 32n);
    return Array.from({ length: highest + 1 }, (_none, number) => number).filter(
      (number) => ((bits >> BigInt(number)) & 1n) === 1n,
    );
  };
  return { effective: set(0), permitted: set(4), inheritable: set(8) };
}

/**
 * Sets the capabilities of the caller. The permitted ones can only become fewer; without one in it, an ambient
 * capability is lost, too. An exec computes all of them anew: root is then given the bounding set. See capset(2).
 *
 * @throws LinuxError EPERM for what the caller may not have
 */
export function capset(sets: CapabilitySets): void {
  const data = Buffer.alloc(DATA_SIZE);
  kinds.forEach((kind, index) => {
    for (const number of sets[kind]) {
      const capability = whole('capset', kind, number, 0, highest);
      const offset = index * 4 + (capability > 31 ? 12 : 0);
      data.writeUInt32LE((data.readUInt32LE(offset) | (1 << (capability % 32))) >>> 0, offset);
    }
  });
  const shown = kinds.map((kind) => `${kind}: ${showCapabilities(sets[kind])}`).join(', ');
  call('capset', () => functions().capset(header, data), [sets], capset, [shown]);
}

function showCapabilities(set: readonly number[]): string {
  return set.length === 0 ? '0' : set.map(nameOfCapability).join('|');
}

/** The name of a capability, `CAP_KILL`; its number where it has none here. */
export function nameOfCapability(capability: number): string {
  return names[capability] ?? String(capability);
}
