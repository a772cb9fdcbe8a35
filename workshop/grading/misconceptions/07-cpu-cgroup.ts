// What people believe who fail level 07.
import { cgroupsAbove, cgroupsFor, ownCgroup } from '../cgroups.ts';
import { exactWeight, linearWeight } from '../cpu-weight.ts';
import { findCall, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';
import { companionShares } from '../tour.ts';

/** Files by their names, in a line of code and in a message of the kernel's. */
const joining = /cgroup\.procs|['"`/]tasks/;
const removing = /\brm(dir)?Sync\((?!['"`]\/)/;

/** Whether the machine has this version for the cpu controller, and the program made cgroups of it. */
function isOn(version: 1 | 2, { during, after }: Run): boolean {
  const cgroups = [...(during?.host.cgroups ?? []), ...after.cgroups];
  return cgroupsFor('cpu', cgroups).some((cgroup) => cgroup.version === version);
}

/** A file of the container's cgroup, for a run with --cpu-shares. */
function valueOf(run: Run, file: string): number {
  return Number(ownCgroup(run, 'cpu')?.files[file]);
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'v1-names-on-v2',
    checks: ['07.1', '07.4'],
    line: /\/sys\/fs\/cgroup\/cpu|['"`/]tasks\b/,
    why: 'This machine has cgroup v2, and the program speaks of v1: tasks, cpu.shares, a folder for each controller. The files of a cgroup are made by the kernel and by nobody else, so a name that it does not know cannot be opened: EACCES, also for root.',
    shows: (run) =>
      isOn(2, run) &&
      (/EACCES.*\/(tasks|cpu\.shares)'/.test(run.stderr) || ownCgroup(run, 'cpu')?.path.startsWith('/cpu/') === true),
  },
  {
    slug: 'v2-names-on-v1',
    checks: ['07.1', '07.4'],
    why: 'This machine has cgroup v1 for the CPU, and the program speaks of v2: cpu.weight, cgroup.subtree_control. The files of a cgroup are made by the kernel and by nobody else, so a name that it does not know cannot be opened: EACCES, also for root.',
    shows: (run) => isOn(1, run) && /EACCES.*\/(cpu\.weight|cgroup\.subtree_control)'/.test(run.stderr),
  },
  {
    slug: 'directory-of-no-cgroup-filesystem',
    checks: ['07.1'],
    line: /\/sys\/fs\/cgroup/,
    why: "Only in a cgroup filesystem does a new directory become a cgroup. With v1 each controller has one of its own, a level further down, and /sys/fs/cgroup is a plain folder around them. What you made there are ordinary directories and files, which limit nobody. That is also why rmdir says ENOTEMPTY: the files are yours, not the kernel's.",
    shows: (run) => (run.during?.host ?? run.after).noCgroups.length > 0,
  },
  {
    slug: 'plus-sign-forgotten',
    checks: ['07.1'],
    line: /subtree_control/,
    why: 'What is written to cgroup.subtree_control is a change: +cpu hands the controller down, -cpu takes it back. A bare cpu is neither, and the kernel answers EINVAL.',
    shows: (run) => isOn(2, run) && /EINVAL: invalid argument, write/.test(run.stderr) && nobodyHandsDown(run),
  },
  {
    slug: 'processes-above-the-container',
    checks: ['07.1'],
    line: joining,
    why: 'With v2, processes are at the ends of the tree: a cgroup that hands controllers down to others holds none itself. Here one was moved into the cgroup above the container, and then the container was not let into its own: EOPNOTSUPP for the cpu controller, EBUSY for others.',
    shows: (run) => isOn(2, run) && /EOPNOTSUPP|ENOTSUP|EBUSY: .*, write/.test(run.stderr),
  },
  {
    slug: 'controller-not-handed-down',
    checks: ['07.1', '07.4'],
    line: /subtree_control|mkdirSync\(cgroup/,
    why: 'With v2 there is one tree for all controllers, and a new cgroup has none of them. Each cgroup decides in cgroup.subtree_control what those below it get, and can hand down only what it was given: so from the top of the tree down, one after the other.',
    shows: (run) =>
      isOn(2, run) &&
      (ownCgroup(run, 'cpu')?.controllers.includes('cpu') === false || /ENOENT.*, write/.test(run.stderr)),
  },
  {
    slug: 'no-cgroup-without-shares',
    checks: ['07.1'],
    line: /cpuShares\s*(===|!==|==|!=|\?|&&|\))/,
    why: 'A cgroup is not only for those who ask for a share. Without a cgroup, a container with twenty busy processes gets twenty times the CPU of one with a single busy process: the kernel counts them one by one, among those of the host.',
    shows: (_run, finding) => finding.evidence?.some((line) => line.startsWith('with --cpu-shares ')) === true,
  },
  {
    slug: 'made-once-for-all',
    checks: ['07.1'],
    line: /mkdirSync\((?!.*recursive)/,
    why: 'For the second container the directory is there already, and mkdir answers EEXIST. The one above all containers is made by whoever comes first, and has to be accepted by all others; that of a container needs a name that nobody else has.',
    shows: (_run, finding) => finding.evidence?.some((line) => line.includes('EEXIST')) === true,
  },
  {
    slug: 'one-cgroup-for-all',
    checks: ['07.1'],
    line: /mkdirSync\(cgroup/,
    why: 'All containers were put into one cgroup. So they have one share of the CPU together: the last --cpu-shares counts for all, and the cgroup cannot be removed while any of them runs. Each container has an id: name its cgroup after it.',
    shows: (_run, finding) => /two containers at a time/.test(finding.actual),
  },
  {
    slug: 'straight-below-the-root',
    checks: ['07.1'],
    line: /mkdirSync\(cgroup/,
    why: 'At the top of the tree each container stands beside the services of the host and is weighed against every one of them. Below a cgroup of ours, all containers together count as one, are found again by whoever cleans up, and share among themselves what that one gets.',
    shows: (_run, finding) => /above those of all containers/.test(finding.expected),
  },
  {
    slug: 'pid-of-another-namespace',
    checks: ['07.1', '07.2'],
    line: joining,
    why: "A pid has a meaning in one PID namespace only. The kernel looks it up in the namespace of whoever writes it. box.ts writes on the host, where 1 is the host's first process; and in the container nobody has a pid from outside. Writing 0 means whoever writes, in any namespace.",
    shows: (run, finding) =>
      /ESRCH.*, write/.test(run.stderr) ||
      /belongs? to the host/.test([finding.actual, ...(finding.evidence ?? [])].join()),
  },
  {
    slug: 'removed-before-waiting',
    checks: ['07.1'],
    line: removing,
    why: 'After clone, parent and child run at the same time. The parent removed the cgroup while the child was on its way into it, or in it already (EBUSY). It can go when nobody is in it any more, and that is so when waitpid has returned.',
    shows: (run) => /ENOENT.*cgroup\.procs|ENODEV.*write|EBUSY.*rmdir/.test(run.stderr),
  },
  {
    slug: 'shares-nobody-asked-for',
    checks: ['07.1', '07.4'],
    line: /writeFileSync\(.*cpu\.(shares|weight)/,
    why: 'Without --cpu-shares there is no number to write: cpuShares is null. A new cgroup has the usual value already, so leave the file alone.',
    shows: (run, finding) =>
      /EINVAL: invalid argument, write/.test(run.stderr) || /without --cpu-shares/.test(finding.expected),
  },
  {
    slug: 'runtime-joined',
    checks: ['07.2'],
    line: joining,
    why: 'box.ts moved itself into the cgroup, and its child was born there. Now it is counted with the container, slowed down with it, and it is still in there when it wants to remove the cgroup (EBUSY). It is the child that joins.',
    shows: (_run, finding) => /box\.ts itself is in it/.test(finding.actual),
  },
  {
    slug: 'joined-the-cgroup-above',
    checks: ['07.2'],
    line: joining,
    why: 'The container has been moved into the cgroup above its own, which all containers share. What is set for its own one does not concern it there.',
    shows: (run) => {
      const command = run.during?.commands[0];
      const own = ownCgroup(run, 'cpu');
      if (command === undefined || own === undefined) return false;
      const all = cgroupsFor('cpu', run.during!.host.cgroups);
      const joined = all.find(({ members }) => members.includes(command.pid));
      return joined !== undefined && cgroupsAbove(own.path).includes(joined.path);
    },
  },
  {
    slug: 'joined-after-starting',
    checks: ['07.2'],
    line: joining,
    why: 'Only the process that is named moves into a cgroup; those that it has started before stay where they are. The command was on its way already. First into the cgroup, then start: whatever is started from there is born in it.',
    shows: (run) => (ownCgroup(run, 'cpu')?.members.length ?? 0) > 0,
  },
  {
    slug: 'made-but-not-joined',
    checks: ['07.2'],
    line: joining,
    why: 'Making a cgroup moves nobody into it. The child has to be named in cgroup.procs of its cgroup in every run, also without --cpu-shares: else its processes are counted one by one, among those of the host. (A shell that box.ts starts for this moves only itself, and ends.)',
    shows: (run) => ownCgroup(run, 'cpu')?.members.length === 0,
  },
  {
    slug: 'namespace-before-joining',
    checks: ['07.3'],
    why: 'A cgroup namespace takes for its root the cgroup in which the process is at that very moment. It was made while the process was still in that of the host, so the container now sees its own cgroup as a place further down. Join first.',
    shows: (run) =>
      findCall(run, ['unshare', 'clone'], ({ args }) => args.some((word) => word.includes('CLONE_NEWCGROUP'))),
  },
  {
    slug: 'no-cgroup-namespace',
    checks: ['07.3'],
    line: joining,
    why: 'Being in a cgroup does not hide where it lies. What a process takes for the root of the tree is a matter of its cgroup namespace, and the container still has that of the host.',
    shows: () => true,
  },
  {
    slug: 'shares-copied-into-weight',
    checks: ['07.4'],
    line: /cpu\.weight/,
    why: 'Shares and weights are counted differently. 1024 shares are the usual amount, and the usual weight is 100: copied as it is, the number makes this container ten times as heavy as all the others, and above 10000 the kernel refuses it (ERANGE).',
    shows: (run) => isOn(2, run) && (valueOf(run, 'cpu.weight') === companionShares || /ERANGE/.test(run.stderr)),
  },
  {
    slug: 'old-formula',
    checks: ['07.4'],
    line: /\b262_?142\b|\b9_?999\b/,
    why: 'This formula draws a straight line from the least to the most. On it the usual 1024 shares become a weight of 39, while the usual weight is 100: who asks for the usual amount gets less than who asks for nothing. runc left it in 2025 for a curve that goes through 100.',
    shows: (run) => isOn(2, run) && Math.abs(valueOf(run, 'cpu.weight') - linearWeight(companionShares)) <= 1,
  },
  {
    slug: 'weight-in-cpu-shares',
    checks: ['07.4'],
    line: /cpu\.shares/,
    why: 'The conversion is for v2. The file cpu.shares of v1 is counted in shares, as --cpu-shares is, and takes the number as it was typed.',
    shows: (run) => isOn(1, run) && Math.abs(valueOf(run, 'cpu.shares') - exactWeight(companionShares)) <= 1,
  },
  {
    slug: 'limit-instead-of-share',
    checks: ['07.4'],
    line: /cpu\.max|cpu\.cfs_quota_us/,
    why: 'A limit and a share are two things. cpu.max (v1: cpu.cfs_quota_us) stops a container at so much time, also when the CPU has nothing else to do. A share takes nothing away as long as nobody else wants the CPU; it decides only when several do.',
    shows: (run) => {
      const { 'cpu.max': max, 'cpu.cfs_quota_us': quota } = ownCgroup(run, 'cpu')?.files ?? {};
      return (max !== undefined && !max.startsWith('max')) || (quota !== undefined && quota !== '-1');
    },
  },
  {
    slug: 'shares-on-the-cgroup-above',
    checks: ['07.4'],
    line: /cpu\.(shares|weight)/,
    why: 'The value was written to the cgroup above the containers. It says there how all of them together are weighed against the rest of the host, and the last container to start decides it for all. The share of one container is set in its own cgroup.',
    shows: (run) => {
      const own = ownCgroup(run, 'cpu');
      const usual = own?.version === 1 ? ['cpu.shares', '1024'] : ['cpu.weight', '100'];
      const above = cgroupsFor('cpu', run.during?.host.cgroups ?? []).filter(({ path }) =>
        cgroupsAbove(own?.path ?? '/').includes(path),
      );
      return above.some(({ files }) => files[usual[0]!] !== undefined && files[usual[0]!] !== usual[1]);
    },
  },
  {
    slug: 'shares-ignored',
    checks: ['07.4'],
    line: /cpuShares/,
    why: 'box.ts takes the option, and nothing comes of it: the cgroup has the value that every new one has. An option that is accepted and does nothing is worse than one that is refused.',
    shows: (run) => [1024, 100].includes(valueOf(run, 'cpu.shares') || valueOf(run, 'cpu.weight')),
  },
  {
    slug: 'removed-like-a-folder',
    checks: ['07.5'],
    line: /\brmSync\(|\brm['"`,\s]+-r/,
    why: "A recursive removal deletes the files first, then the folder. The files of a cgroup are the kernel's and cannot be deleted: EPERM. They do not count as content, so the plain rmdir works as soon as no process and no other cgroup is in it.",
    shows: (run) => /EPERM.*(boxwright|cgroup)/.test(run.stderr),
  },
  {
    slug: 'removed-only-sometimes',
    checks: ['07.5'],
    line: removing,
    why: 'The removal lies on one of the ways out, and the program can leave by others: a command that a signal ended, one that is not found, an error. All of them come by waitpid, so right after it is the place, before anything is decided.',
    shows: (_run, finding) => finding.evidence?.some((line) => line.endsWith(': removed')) === true,
  },
  {
    slug: 'never-removed',
    checks: ['07.5'],
    why: 'The kernel keeps a cgroup when its last process has ended: somebody may want to read its counters, or use it again. Whoever made it has to remove it, after every container, whatever its exit status.',
    shows: (run) => run.exitCode === run.scenario.exits,
  },
  {
    slug: 'weights-compare-siblings',
    checks: ['07.6'],
    line: /mkdirSync\(cgroup/,
    why: "A weight says how much one cgroup gets beside others that lie below the same one. Here each container lies alone below a cgroup of its own, so its weight is compared with nobody's, and the cgroups above them are all equal.",
    shows: (run) => {
      const parents = leavesOf(run).map((cgroup) => cgroupsAbove(cgroup)[0]);
      return run.cpuTime !== null && new Set(parents).size === 2;
    },
  },
];

/** The paths of the cgroups that have no other below them. */
function leavesOf({ during }: Run): string[] {
  const paths = cgroupsFor('cpu', during?.host.cgroups ?? []).map(({ path }) => path);
  return paths.filter((name) => !paths.some((other) => other.startsWith(`${name}/`)));
}

/** v2: whether no cgroup that the program made hands a controller down. */
function nobodyHandsDown({ during, after }: Run): boolean {
  const cgroups = during?.host.cgroups ?? after.cgroups;
  return cgroups.every(({ files }) => (files['cgroup.subtree_control'] ?? '') === '');
}
