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

/** The first that fits is said, or else what is said of the call whatever its arguments. */
const meanings: readonly Meaning[] = [
  {
    call: 'fork',
    says: 'Makes a second process, a copy of this one. Both go on from here: the parent gets the number of the child, the child gets 0.',
  },
  { call: 'clone', says: 'Makes a child process, a copy of this one, as fork does.' },
  {
    call: 'unshare',
    with: /^CLONE_NEWNS$/,
    says: 'Leaves the common mount table: from here on this process has a copy of its own. NEWNS is the oldest kind, so it just says "namespace".',
  },
  {
    call: 'unshare',
    with: /^CLONE_NEWNS\|CLONE_NEWUTS$/,
    says: 'NEWNS: a copy of the mount table, as before. NEWUTS: a hostname of its own, so far the same word as on the host. UTS is the old name of the structure that holds it.',
  },
  {
    call: 'unshare',
    with: /^CLONE_NEWUTS$/,
    says: 'A hostname of its own: still the same word as on the host, but now a copy. UTS is the old name of the structure that holds it.',
  },
  {
    call: 'unshare',
    with: /^CLONE_NEWCGROUP$/,
    says: 'The cgroup in which the process is now becomes the top of what it can see. The limits stay; their place in the tree is hidden.',
  },
  {
    call: 'unshare',
    with: /^CLONE_NEWPID$/,
    says: 'New process numbers, but not for this process: its next child will be number 1 in them.',
  },
  { call: 'unshare', says: 'Leaves what it shared with the host, and gets its own.' },
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
    with: /MS_REMOUNT/,
    says: 'Changes the flags of a mount that is there already: a bind mount takes no notice of them in the call that makes it.',
  },
  {
    call: 'mount',
    with: /\/dev\/null", "[^"]*\/(proc|sys)\//,
    says: 'Covers a file of the host with /dev/null, so that whoever reads it finds nothing. A file, too, can be mounted on.',
  },
  {
    call: 'mount',
    with: /^"\/dev\/.*MS_BIND/,
    says: 'Shows a device of the host a second time, in here: without root on the host no process may make one of its own.',
  },
  {
    call: 'mount',
    with: /^("[^"]*"), \1, .*MS_BIND/,
    says: 'Shows a directory a second time, at its own place. So it becomes a mount point, a thing of its own in the mount table.',
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
    with: /"[^"]*\/(proc|sys)\/[^"]*", "tmpfs", .*MS_RDONLY/,
    says: 'Covers a directory with an empty one into which nobody can write. What lies below tells too much of the host.',
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
    with: /^0$/,
    says: "Becomes group 0, root's. In a user namespace that is a number of its own, which stands for another group outside.",
  },
  {
    call: ['setuid', 'setreuid', 'setresuid'],
    with: /^0$/,
    says: 'Becomes user 0, root. In a user namespace that is root of what belongs to it; outside, the number stands for another user.',
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
    call: 'sigprocmask',
    says: 'Says which signals have to wait: they are kept for this process until it asks for them or lets them come.',
  },
  {
    call: 'sigwaitinfo',
    says: 'Sleeps until one of these signals comes, and takes it: nothing is interrupted, no handler runs.',
  },
  {
    call: 'pidfd_open',
    says: 'Opens a process as one opens a file. A number may be given to another process later, a descriptor always means this one.',
  },
  {
    call: 'pidfd_send_signal',
    says: 'Sends a signal to the process that was opened, and to no other: where it has ended, the call fails.',
  },
  {
    call: 'pipe2',
    says: 'Makes a pipe: what is written into one end can be read from the other, and a read waits until something comes. O_CLOEXEC: the command will not have it.',
  },
  {
    call: 'socketpair',
    says: 'Makes two sockets that are joined: what goes into one comes out of the other, both ways. Open files can be handed over, too.',
  },
  { call: 'sendmsg', says: 'Hands an open file to the process at the other end of a socket.' },
  {
    call: 'recvmsg',
    says: 'Takes an open file that the process at the other end of a socket hands over; it waits for it.',
  },
  {
    call: 'dup2',
    says: 'Gives an open file a second number. With 0, 1 or 2 it becomes the input, the output or the errors of this process.',
  },
  {
    call: 'flock',
    with: /LOCK_UN/,
    says: 'Gives the lock back. Whoever waits for it goes on.',
  },
  {
    call: 'flock',
    says: 'Takes a lock on an open file, and waits while another process has it: so one does its work at a time. It ends with the process, too.',
  },
  { call: 'poll', says: 'Sleeps until there is something to read or to write in one of these files.' },
  {
    call: 'setsid',
    says: 'Begins a session of its own, without a terminal: Ctrl-C in the one it came from does not reach it any more.',
  },
  {
    call: 'openpty',
    says: 'Makes a pair of pretended terminals: what is typed at one end a program reads at the other, as from a keyboard.',
  },
  {
    call: 'login_tty',
    says: 'Begins a session whose terminal is this one, and makes it the input, the output and the errors of this process.',
  },
  { call: 'tcgetattr', says: 'Asks how the terminal is set: whether it shows what is typed, and what Ctrl-C does.' },
  { call: 'tcsetattr', says: 'Sets how the terminal behaves: whether it shows what is typed, and what Ctrl-C does.' },
  { call: 'ioctl', with: /TIOCGWINSZ/, says: 'Asks how many rows and columns the terminal has.' },
  { call: 'ioctl', says: 'Tells a terminal how many rows and columns it has. Its programs get the signal SIGWINCH.' },
  {
    call: 'setxattr',
    says: 'Writes a note beside a file, under a name. Layers mark in this way what they hide of the layers below.',
  },
  { call: 'getpid', says: 'Asks for the number of this process, in the PID namespace it is in.' },
  { call: 'gethostname', says: 'Asks for the name of the machine, as this process sees it.' },
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
    call: 'execFileSync',
    with: /^"new[ug]idmap"/,
    says: 'Starts a program of the host that may do what this process may not: write which numbers of users inside a user namespace stand for which outside.',
  },
  {
    call: 'execFileSync',
    with: /^"nft".*masquerade/,
    says: "Adds a table to the host's firewall, with NAT: packets that leave for elsewhere get the host's address, so that the answers find back.",
  },
  { call: 'execFileSync', with: /^"nft"/, says: "Takes that table out of the host's firewall again." },
  {
    call: 'execFileSync',
    with: /type veth/,
    says: 'Makes a pair of interfaces, joined as by a cable: one end is plugged into the bridge of the host, the other one is in the container.',
  },
  {
    call: 'execFileSync',
    with: /type bridge/,
    says: 'Makes a bridge: a switch in the kernel, into which containers are plugged. The host has it as an interface of its own.',
  },
  {
    call: 'execFileSync',
    with: /^"nsenter".*"ip"/,
    says: "Sets up the network from inside: ip runs in the container's network namespace. It gives the address there, switches on, and names the way out.",
  },
  { call: 'execFileSync', with: /^"ip".*link delete/, says: 'Takes an interface away; of a pair, both ends go.' },
  {
    call: 'execFileSync',
    with: /^"ip".*address/,
    says: 'Gives an interface of the host its address, and switches it on.',
  },
  { call: 'execFileSync', with: /^"ip"/, says: 'Changes an interface of the host.' },
  { call: 'execFileSync', says: 'Starts another program and waits until it has ended.' },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /ip_forward"/,
    says: 'Whether the host hands packets on that are not for itself, from one interface to another, as a router does.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /\/[ug]id_map"/,
    says: 'Says which numbers inside a user namespace stand for which outside: the first inside, the first outside, and how many.',
  },
  {
    call: ['writeFileSync', 'appendFileSync'],
    with: /^"\/proc\/\w+\/setgroups"/,
    says: 'Forbids setgroups in this user namespace: without that, an ordinary user may not map groups.',
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

/** What a new namespace of each kind is to the process that gets it, the kinds that come latest in the course first. */
const walls: Readonly<Record<string, string>> = {
  USER: 'numbers of its own for users',
  CGROUP: 'its cgroup looks like the top',
  PID: 'its own numbering, in which it is 1',
  IPC: 'shared memory and queues of its own',
  NET: 'its own network, with nothing but lo',
  UTS: 'a hostname of its own',
  NS: 'its own mount table',
};

/** What a call that makes several namespaces does: for as many kinds as there is room what each means, then the others. */
function meaningOfWalls({ call, args }: Call): string | null {
  const flags = args.join('|').split('|');
  const kinds = Object.keys(walls).filter((kind) => flags.includes(`CLONE_NEW${kind}`));
  if (kinds.length === 0) return null;
  const start = call === 'clone' ? 'Makes a child behind walls.' : 'Puts up walls around this process.';
  const told = (count: number): string => {
    const parts = kinds.slice(0, count).map((kind) => `${kind}: ${walls[kind]}`);
    const others = kinds.slice(count);
    return `${start} ${parts.join('; ')}.${others.length === 0 ? '' : ` And ${others.join(', ')}.`}`;
  };
  const counts = kinds.map((_kind, index) => kinds.length - index);
  return told(counts.find((count) => told(count).length <= LONGEST) ?? 1);
}

/** What this call does in its place; null where it is none of the course's. */
export function meaningOfCall({ call, args }: Call): string | null {
  const shown = args.join(', ');
  const known = meanings.filter((meaning) => [meaning.call].flat().includes(call));
  const exact = known.find((meaning) => meaning.with?.test(shown));
  const walls = ['clone', 'unshare'].includes(call) ? meaningOfWalls({ call, args }) : null;
  return exact?.says ?? walls ?? known.find((meaning) => meaning.with === undefined)?.says ?? null;
}

/** All of them, for whoever wants to see whether they fit. */
export function allMeanings(): string[] {
  return meanings.map(({ says }) => says);
}
