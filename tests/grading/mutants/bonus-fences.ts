// Mutants of the bonus level about fences that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because:
      'The child needs longer to become the command than the parent to write the limits: a race, which is lost too seldom to be seen.',
    mutants: [
      'swapped in run: const pid = linux.clone( () => contain(directory, lowerdir, cgrou… || try { if (cpuShares !== null) limitCpu(cgroups.cpu, cpuShares); i…',
    ],
  },
  {
    because: 'These steps do not need one another: any order will do.',
    mutants: [
      'swapped in run: const filter = makeFilter(); || const account = user === null ? null : accountOf(user);',
      'swapped in run: const lowerdir = unpackOnce(imageDir, image); || const filter = makeFilter();',
      'swapped in contain: linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1); || linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);',
      'swapped in limitCapabilities: linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL); || for (let capability = 0; capability <= last; capability += 1) { i…',
      'swapped in makeFilter: const refuse = seccomp.SCMP_ACT_ERRNO(seccomp.EPERM); || const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);',
      "swapped in makeFilter: const clone = seccomp.seccomp_syscall_resolve_name('clone'); || for (const name of refused) seccomp.seccomp_rule_add(filter, refu…",
      "swapped in makeFilter: const clone3 = seccomp.seccomp_syscall_resolve_name('clone3'); || for (const flag of namespaceFlags) { const isSet = { arg: 0, op: …",
      "swapped in mountFilesystems: const flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV … || linux.mount('proc', `${root}/proc`, 'proc', linux.MS_NOSUID | lin…",
      "swapped in mountFilesystems: linux.mount('tmpfs', `${root}/dev`, 'tmpfs', linux.MS_NOSUID, 'mo… || linux.mount('sysfs', `${root}/sys`, 'sysfs', flags);",
      'swapped in coverPaths: const restricted = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NO… || const bound = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY;',
      'swapped in coverPaths: for (const target of readOnly.map((name) => `${root}${name}`).fil… || for (const target of masked.map((name) => `${root}${name}`).filte…',
    ],
  },
  {
    because:
      'The filter has been loaded by then, or belongs to a program that is about to end: when its memory is given back does not matter.',
    mutants: [
      'removed in run: seccomp.seccomp_release(filter);',
      'swapped in run: const { exitCode, signal } = linux.waitpid(pid); || seccomp.seccomp_release(filter);',
    ],
  },
  {
    because: 'Done again, it changes nothing.',
    mutants: [
      'repeated in run: makeFilter()',
      'repeated in contain: coverPaths(root);',
      'repeated in contain: limitCapabilities();',
      'repeated in contain: linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1);',
      'repeated in contain: seccomp.seccomp_load(filter);',
      "repeated in limitCapabilities: Number(fs.readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))",
      'repeated in limitCapabilities: linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL);',
      'repeated in limitCapabilities: linux.capset({ effective: [...kept], permitted: [...kept], inheritable: [] });',
      "repeated in the file: [ 'mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr setns unshare', 'open_by_handle_at swapon swa…",
      'repeated in makeFilter: seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW)',
      'repeated in makeFilter: seccomp.SCMP_ACT_ERRNO(seccomp.EPERM)',
      "repeated in makeFilter: seccomp.seccomp_syscall_resolve_name('clone')",
      'repeated in makeFilter: seccomp.seccomp_rule_add(filter, refuse, clone, isSet);',
      "repeated in makeFilter: seccomp.seccomp_syscall_resolve_name('clone3')",
      'repeated in makeFilter: seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.ENOSYS), clone3);',
      "repeated in the file: [ '/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi', '/proc/timer_list /sys/devices/virtual…",
      'repeated in coverPaths: linux.mount(target, target, null, linux.MS_BIND | linux.MS_REC);',
      'repeated in coverPaths: linux.mount(null, target, null, bound | restricted);',
    ],
  },
  {
    because: 'These are sets: their order means nothing.',
    mutants: [
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_DAC_OVERRIDE, linux.CAP_CHOWN, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_FOWNER, linux.CAP_DAC_OVERRIDE, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_KILL, linux.CAP_FSETID, linux.CAP_NE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FSETID, linux.CAP_FOWNER, linux.CAP_KILL, linux.CAP_NE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_NET_BIND_SERVICE, …',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_SE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE…',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE… #2',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE… #3',
      'exchanged in the file: const kept: readonly number[] = [ linux.CAP_CHOWN, linux.CAP_DAC_OVERRIDE, linux.CAP_FOWNER, linux.CAP_FSETID, linux.CAP_KILL, linux.CAP_NE… #4',
      "exchanged in the file: [ 'open_by_handle_at swapon swapoff quotactl acct kexec_load kexec_file_load init_module finit_module', 'mount umount2 pivot_root move_moun…",
      "exchanged in the file: [ 'mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr setns unshare', 'delete_module reboot syslog …",
      "exchanged in the file: [ 'mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr setns unshare', 'open_by_handle_at swapon swa…",
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWUTS, linux.CLONE_NEWNS, linux.CLONE_NEWPID, linux.CLONE_NEWIPC, linux.CLONE_NEWNET, linux.CLONE_NEW…',
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWNS, linux.CLONE_NEWPID, linux.CLONE_NEWUTS, linux.CLONE_NEWIPC, linux.CLONE_NEWNET, linux.CLONE_NEW…',
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWNS, linux.CLONE_NEWUTS, linux.CLONE_NEWIPC, linux.CLONE_NEWPID, linux.CLONE_NEWNET, linux.CLONE_NEW…',
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWNS, linux.CLONE_NEWUTS, linux.CLONE_NEWPID, linux.CLONE_NEWNET, linux.CLONE_NEWIPC, linux.CLONE_NEW…',
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWNS, linux.CLONE_NEWUTS, linux.CLONE_NEWPID, linux.CLONE_NEWIPC, linux.CLONE_NEWUSER, linux.CLONE_NE…',
      'exchanged in the file: const namespaceFlags = [ linux.CLONE_NEWNS, linux.CLONE_NEWUTS, linux.CLONE_NEWPID, linux.CLONE_NEWIPC, linux.CLONE_NEWNET, linux.CLONE_NEW…',
      "exchanged in the file: [ '/proc/timer_list /sys/devices/virtual/powercap /sys/firmware', '/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc…",
      "exchanged in the file: const readOnly = ['/proc/fs', '/proc/bus', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];",
      "exchanged in the file: const readOnly = ['/proc/bus', '/proc/irq', '/proc/fs', '/proc/sys', '/proc/sysrq-trigger'];",
      "exchanged in the file: const readOnly = ['/proc/bus', '/proc/fs', '/proc/sys', '/proc/irq', '/proc/sysrq-trigger'];",
      "exchanged in the file: const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger', '/proc/sys'];",
    ],
  },
  {
    because: 'The file holds digits only, as a Buffer, too.',
    mutants: ["constant in limitCapabilities: fs.readFileSync('/proc/sys/kernel/cap_last_cap', '')"],
  },
  {
    because: 'CAP_CHOWN is 0, and is kept: nothing is left out by beginning at 1.',
    mutants: ['constant in limitCapabilities: let capability = 1'],
  },
  {
    because:
      'No capability stays ambient that is not inheritable, so capset takes the ambient ones away, too. The call is there to be read.',
    mutants: [
      'removed in limitCapabilities: linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL);',
      'swapped in limitCapabilities: linux.capset({ effective: [...kept], permitted: [...kept], inheri… || linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL);',
    ],
  },
  {
    because:
      "The kernel's files in there are neither programs nor devices, and what covers is empty: these flags are a second lock.",
    mutants: [
      'dropped in mountFilesystems: const flags = linux.MS_RDONLY | linux.MS_NODEV | linux.MS_NOEXEC;',
      'dropped in mountFilesystems: const flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV;',
      'dropped in mountFilesystems: const flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NOEXEC;',
      'dropped in coverPaths: const restricted = linux.MS_NODEV | linux.MS_NOEXEC;',
      'dropped in coverPaths: const restricted = linux.MS_NOSUID | linux.MS_NOEXEC;',
      'dropped in coverPaths: const restricted = linux.MS_NOSUID | linux.MS_NODEV;',
      "dropped in coverPaths: linux.mount('tmpfs', target, 'tmpfs', restricted)",
      "dropped in coverPaths: linux.mount('tmpfs', target, 'tmpfs', linux.MS_RDONLY)",
      'dropped in coverPaths: linux.mount(null, target, null, bound)',
    ],
  },
  {
    because: 'A filesystem of the kernel has no source: what is given as one is only shown in the mount table.',
    mutants: [
      "argument in mountFilesystems: linux.mount(`${root}/sys`, `${root}/sys`, 'sysfs', flags)",
      "constant in mountFilesystems: linux.mount('', `${root}/sys`, 'sysfs', flags)",
      "argument in coverPaths: linux.mount(target, target, 'tmpfs', linux.MS_RDONLY | restricted)",
      "constant in coverPaths: linux.mount('', target, 'tmpfs', linux.MS_RDONLY | restricted)",
    ],
  },
  {
    because: 'For a bind mount the type is ignored, and for a remount the source, too.',
    mutants: [
      'argument in coverPaths: linux.mount(`${root}/dev/null`, target, target, linux.MS_BIND)',
      'argument in coverPaths: linux.mount(target, target, target, linux.MS_BIND | linux.MS_REC)',
      'argument in coverPaths: linux.mount(target, target, null, bound | restricted)',
      'argument in coverPaths: linux.mount(null, target, target, bound | restricted)',
    ],
  },
  {
    because: 'Nothing is mounted below these names in a new proc: there is nothing to take along.',
    mutants: ['dropped in coverPaths: linux.mount(target, target, null, linux.MS_BIND)'],
  },
];
