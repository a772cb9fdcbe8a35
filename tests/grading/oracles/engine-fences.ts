// The fences that engines put around a container when nobody asks for others: those of Podman, from the profile that
// Debian has of it; and in the filter, what Docker refuses besides.
import fs from 'node:fs';
import type { Fences } from './oci.ts';

/** Debian's package golang-github-containers-common, which skopeo needs. See containers-common's seccomp.json(5). */
const profileFile = '/usr/share/containers/seccomp.json';

type Condition = { caps?: string[]; arches?: string[]; minKernel?: string };
type Profile = {
  defaultAction: string;
  defaultErrnoRet?: number;
  archMap: { architecture: string; subArchitectures: string[] }[];
  syscalls: {
    names: string[];
    action: string;
    args?: object[];
    errnoRet?: number;
    includes?: Condition;
    excludes?: Condition;
  }[];
};

const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
].map((name) => `CAP_${name}`);
const machine = { x64: ['SCMP_ARCH_X86_64', 'amd64'], arm64: ['SCMP_ARCH_AARCH64', 'arm64'] }[
  process.arch as 'x64' | 'arm64'
];

/** Podman lets them through, so that a container can have containers in it. */
const refusedByDocker = 'mount umount umount2 pivot_root setns unshare keyctl add_key request_key'.split(' ');
/** The flags of clone for which it makes a namespace: none of them may be set. */
const withoutNamespaces = { index: 0, value: 0x7e02_0000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };

export function engineFences(): Fences {
  return {
    capabilities,
    // Engines leave it to whoever starts a container; level bonus-fences does not.
    noNewPrivileges: true,
    seccomp: filter(JSON.parse(fs.readFileSync(profileFile, 'utf8')) as Profile),
    maskedPaths: [
      '/proc/acpi',
      '/proc/asound',
      '/proc/kcore',
      '/proc/keys',
      '/proc/latency_stats',
      '/proc/sched_debug',
      '/proc/scsi',
      '/proc/timer_list',
      '/proc/timer_stats',
      '/sys/dev/block',
      '/sys/devices/virtual/powercap',
      '/sys/firmware',
      '/sys/fs/selinux',
    ],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  };
}

/** The rules that hold on this machine, for a container with these capabilities, as a runtime takes them. */
function filter({ defaultAction, defaultErrnoRet, archMap, syscalls }: Profile): object {
  const map = archMap.find(({ architecture }) => architecture === machine[0])!;
  return {
    defaultAction,
    defaultErrnoRet,
    architectures: [map.architecture, ...map.subArchitectures],
    syscalls: syscalls
      .filter(({ includes, excludes }) => holds(includes, true) && !holds(excludes, false))
      .map(({ names, action, args, errnoRet }) => ({
        names: names.filter((name) => !refusedByDocker.includes(name) && !/^clone3?$/.test(name)),
        action,
        args,
        errnoRet,
      }))
      .filter(({ names }) => names.length > 0)
      .concat([
        { names: refusedByDocker, action: 'SCMP_ACT_ERRNO', args: [], errnoRet: 1 },
        { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [withoutNamespaces], errnoRet: undefined },
        { names: ['clone3'], action: 'SCMP_ACT_ERRNO', args: [], errnoRet: 38 },
      ]),
  };
}

/** @param empty what a condition is that says nothing */
function holds({ caps = [], arches = [], minKernel }: Condition = {}, empty: boolean): boolean {
  if (caps.length === 0 && arches.length === 0 && minKernel === undefined) return empty;
  return caps.every((name) => capabilities.includes(name)) && (arches.length === 0 || arches.includes(machine[1]!));
}
