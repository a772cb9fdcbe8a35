// What a system call does in its place, in words for people who see it for the first time.

/** A call as a program is about to make it. */
export type Call = { call: string; args: readonly string[] };

type Meaning = {
  /** The call's name; several where they come to the same. */
  call: string | readonly string[];
  /** What its arguments must hold, all of them: as strace prints them, joined by ", ". */
  with?: RegExp;
  says: string;
};

/** At most this many characters: two lines of a screen. */
export const LONGEST = 190;

/** The first that fits is said. */
const meanings: readonly Meaning[] = [
  {
    call: 'fork',
    says: 'Makes a second process, a copy of this one. Both go on from here: the parent gets the number of the child, the child gets 0.',
  },
  {
    call: 'clone',
    with: /CLONE_NEWPID/,
    says: 'Makes a child as fork does, but it starts behind walls: in new namespaces of these kinds. In its own numbering it is process 1.',
  },
  {
    call: 'clone',
    with: /CLONE_NEW/,
    says: 'Makes a child as fork does, but it starts behind walls: in new namespaces of these kinds.',
  },
  { call: 'clone', says: 'Makes a child process, a copy of this one, as fork does.' },
  {
    call: 'unshare',
    with: /CLONE_NEWNS\b/,
    says: 'Leaves the common mount table: from here on this process has a copy of its own. NEWNS is the oldest kind, so it just says "namespace".',
  },
  {
    call: 'unshare',
    with: /CLONE_NEWUTS/,
    says: 'A hostname of its own: still the same word as on the host, but now a copy. UTS is the old name of the structure that holds it.',
  },
  {
    call: 'unshare',
    with: /CLONE_NEWCGROUP/,
    says: 'The cgroup in which the process is now becomes the top of what it can see. The limits stay; their place in the tree is hidden.',
  },
  {
    call: 'unshare',
    with: /CLONE_NEWPID/,
    says: 'New process numbers, but not for this process: its next child will be number 1 in them.',
  },
  { call: 'unshare', says: 'Leaves namespaces that it shared with the host, and gets new ones of these kinds.' },
  { call: 'setns', says: 'Goes into a namespace that exists already.' },
  {
    call: 'mount',
    with: /MS_(PRIVATE|SLAVE)/,
    says: 'Mounts nothing. The copies in our table are still tied to those of the host; this cuts the tie, so no later mount shows up out there.',
  },
  {
    call: 'mount',
    with: /, "overlay", /,
    says: 'Lays an empty layer over the image. Both are seen as one tree: reading finds the image, writing goes to the layer, the image stays whole.',
  },
  {
    call: 'mount',
    with: /MS_BIND/,
    says: 'Shows a directory a second time. What matters is what it becomes: a mount point, a thing of its own in the mount table.',
  },
  {
    call: 'mount',
    with: /, "proc", /,
    says: "Puts the kernel's list of processes there. ps, top and others read it. It shows the processes of the PID namespace it is mounted from.",
  },
  {
    call: 'mount',
    with: /, "sysfs", /,
    says: "Puts the kernel's list of devices and drivers there. Nothing of it is on a disk.",
  },
  {
    call: 'mount',
    with: /, "devpts", /,
    says: "Terminals of the container's own, numbered from 0. With newinstance they have nothing to do with the terminals of the host.",
  },
  {
    call: 'mount',
    with: /, "tmpfs", /,
    says: "An empty filesystem in memory, for the few devices that a container needs. The host's /dev holds its disks: it stays outside.",
  },
  { call: 'mount', says: 'Makes a filesystem appear at a directory.' },
  {
    call: ['umount', 'umount2'],
    with: /MNT_DETACH/,
    says: 'Lets go of a mount although it is in use: nobody can reach it by name from here on. The kernel removes it when its last user has gone.',
  },
  { call: ['umount', 'umount2'], says: 'Takes a mount away. What lay under it can be seen again.' },
  {
    call: 'chroot',
    says: 'From now on "/" means this directory, for this process and its children. It changes how names are looked up, and nothing else.',
  },
  {
    call: 'pivot_root',
    says: 'Makes this mount the root of the whole mount namespace, and hangs the old root below it. Unlike chroot, no way leads around it.',
  },
  {
    call: 'chdir',
    with: /^"\/"$/,
    says: 'Steps into the new root. The working directory does not follow by itself, and ".." would lead on from wherever it is.',
  },
  { call: 'chdir', says: 'Changes the working directory.' },
  {
    call: 'sethostname',
    says: 'Sets the name in the UTS namespace of this process. Everybody who shares that namespace sees it; nobody else does.',
  },
  {
    call: 'mknod',
    says: 'Makes a device: a name for a driver in the kernel, given by two numbers. The loop makes all the others in the same way.',
  },
  { call: 'umask', says: 'The bits that are taken from the mode of every new file.' },
  {
    call: 'setgroups',
    says: 'Gives up all further groups. First of the three: once root is gone, groups can no more be changed.',
  },
  {
    call: ['setgid', 'setregid', 'setresgid'],
    says: 'Changes the group, while this is still root: after setuid it would be refused.',
  },
  {
    call: ['setuid', 'setreuid', 'setresuid'],
    says: 'Stops being root, for good: real, effective and saved user are all replaced, so there is no way back.',
  },
  {
    call: 'prctl',
    with: /PR_SET_PDEATHSIG/,
    says: 'Asks the kernel: when my parent dies, kill me. So the container ends with its runtime, however that happens.',
  },
  {
    call: 'prctl',
    with: /PR_CAPBSET_DROP/,
    says: 'Takes one piece of what root may do out of the bounding set: no exec can give it back. The loop takes all the others that are not kept.',
  },
  {
    call: 'prctl',
    with: /PR_CAP_AMBIENT/,
    says: 'Empties the ambient set, which is handed down from whoever started the runtime, and which every exec keeps.',
  },
  {
    call: 'capset',
    says: 'Sets what this process may do now, and what it hands down to the next program: of all the pieces of root, a few are left.',
  },
  {
    call: 'seccomp_init',
    says: 'Begins a filter of system calls. So far it is a list in the memory of this process, and holds for nobody.',
  },
  {
    call: 'seccomp_rule_add',
    says: 'Adds a rule to the filter: what this system call answers, in place of being done. The loop adds the others.',
  },
  {
    call: 'seccomp_load',
    says: 'Hands the filter to the kernel. From here on it holds for this process and all its children, and nobody can take it away.',
  },
  {
    call: 'prctl',
    with: /PR_SET_NO_NEW_PRIVS/,
    says: 'No program that is started from here on can gain rights by being executed, as sudo does.',
  },
  { call: 'prctl', says: 'Changes a property of this process.' },
  { call: 'kill', says: 'Sends a signal to a process.' },
  {
    call: 'waitpid',
    says: "The parent sleeps until its child has ended, and then learns how. The kernel keeps the dead child's number until somebody asks.",
  },
  {
    call: ['execvp', 'execvpe'],
    says: 'Replaces the program of this process by the command. The process stays the same: same number, same namespaces, same limits.',
  },
  { call: '_exit', says: 'Ends this process at once, with this status.' },
  {
    call: 'mkdirSync',
    says: 'A cgroup is made by making a directory. The kernel fills it with files at once: the values of the new group.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /(cgroup\.procs|tasks)"/,
    says: 'Moves a process into this cgroup; 0 means "me". All that it starts from now on is in there, too, and counts for the same limits.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /cgroup\.subtree_control"/,
    says: 'Hands a controller down: only now do the groups below have its files.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /cpu\.(shares|weight)"/,
    says: 'How much of the CPU this group gets, compared with the groups beside it, when all of them want it. Nobody is slowed down on an idle CPU.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /memory\.(memsw\.limit_in_bytes|swap\.max)"/,
    says: 'Limits swap, too: or what does not fit into memory would go to the disk. v1 counts memory and swap together, v2 swap alone.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /memory\.(limit_in_bytes|max)"/,
    says: 'The most memory that all processes of this group may have together. When it is used up, the kernel kills one of them, and nobody else.',
  },
  { call: ['writeFileSync', 'appendFileSync'], says: 'Sets a value of this cgroup: each is a file.' },
  { call: 'rmdirSync', says: 'Removes the cgroup. That works when its last process has ended.' },
];

/** What this call does in its place; null where it is none of the course's. */
export function meaningOfCall({ call, args }: Call): string | null {
  const shown = args.join(', ');
  const found = meanings.find(
    (meaning) => [meaning.call].flat().includes(call) && (meaning.with === undefined || meaning.with.test(shown)),
  );
  return found?.says ?? null;
}

/** All of them, for whoever wants to see whether they fit. */
export function allMeanings(): string[] {
  return meanings.map(({ says }) => says);
}
