// What people believe who fail level 06.
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, inChild, lineWith, type Misconception } from '../finding.ts';
import { isNode } from '../processes.ts';
import type { Run } from '../run.ts';

/** Flags joined by something else than `|`. */
const wrongJoint = /(CLONE_NEW\w+|\w*[nN]amespaces|[fF]lags)\s*(&&|\|\|)|(&&|\|\|)\s*(linux\.)?(CLONE_NEW\w+|SIGCHLD)/;
const sum = /\+\s*(?:linux\.)?(CLONE_NEW\w+)|(CLONE_NEW\w+)\s*\+/;

/** The call that asked for a namespace, if there was one and it worked. */
function askedFor(run: Run, flag: string): TraceLine | undefined {
  return findCall(
    run,
    ['clone', 'unshare'],
    ({ args, errno }) => errno === null && args.some((word) => word.includes(flag)),
  );
}

/** Where the child was made, with namespaces or without. */
function birth(run: Run): TraceLine | undefined {
  return findCall(run, ['clone', 'unshare']) ?? findCall(run, 'fork');
}

/** The process that became the command, or tried to, as the trace calls it. */
function executed(run: Run): string | undefined {
  return findCall(run, ['execvp', 'execvpe'])?.process;
}

/** Calls of prctl that ask for a signal at the parent's end. */
function deathSignals(run: Run): TraceLine[] {
  return run.trace.filter(
    ({ call, args, errno }) => call === 'prctl' && args[0] === 'PR_SET_PDEATHSIG' && errno === null,
  );
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'flags-joined-wrongly',
    checks: ['06.1', '06.3'],
    man: 'clone(2)',
    line: new RegExp(`${wrongJoint.source}|${sum.source}`),
    why: 'Flags are bits of one number, and | puts them together. && and || choose one of two values and drop the other. + is right only as long as no flag is in there twice: CLONE_NEWPID + CLONE_NEWPID is the number of CLONE_NEWNET.',
    shows(run) {
      if (lineWith(run, wrongJoint) !== null || /flags holds 0x/.test(run.stderr)) return true;
      const added = lineWith(run, sum);
      const lost = ['CLONE_NEWNS', 'CLONE_NEWUTS', 'CLONE_NEWPID', 'CLONE_NEWIPC', 'CLONE_NEWNET'].filter(
        (flag) => askedFor(run, flag) === undefined && lineWith(run, new RegExp(`\\+\\s*(linux\\.)?${flag}`)) !== null,
      );
      return added !== null && lost.length > 0;
    },
  },
  {
    slug: 'clone-without-sigchld',
    checks: ['06.1'],
    man: 'clone(2)',
    why: 'SIGCHLD in the flags is how the kernel is to tell the parent of the end of its child. fork has it built in, clone has not. A child without it is no child that waitpid waits for: ECHILD, and box.ts ends while the container is only beginning.',
    shows: (run) =>
      findCall(run, 'waitpid', ({ errno }) => errno === 'ECHILD') &&
      findCall(run, 'clone', ({ args, errno }) => errno === null && !args.some((word) => word.includes('SIGCHLD'))),
  },
  {
    slug: 'waits-for-the-inner-number',
    checks: ['06.1'],
    why: 'The same process has two numbers. In its own namespace it is 1; where box.ts lives it has another one, which clone returns. There, 1 is a process that box.ts has nothing to do with.',
    shows: (run) =>
      findCall(run, 'waitpid', ({ errno, args: [pid] }) => {
        const children = run.trace.filter(({ call }) => call === 'clone' || call === 'fork');
        return errno === 'ECHILD' && pid !== '-1' && !children.some(({ result }) => String(result) === pid);
      }),
  },
  {
    slug: 'prctl-arguments-swapped',
    checks: ['06.1'],
    hint: '06.4',
    man: 'prctl(2)',
    why: 'prctl takes first what is to be set, and then the value: PR_SET_PDEATHSIG, and the signal. Both are only numbers, so nobody notices before the kernel does: EINVAL.',
    shows: (run) => findCall(run, 'prctl', ({ errno }) => errno === 'EINVAL'),
  },
  {
    slug: 'unshared-before-clone',
    checks: ['06.1'],
    why: 'After unshare(CLONE_NEWPID) the namespace for the next child is already chosen, and the kernel refuses to choose another one: EINVAL. Either unshare and then fork, or clone with the flags, not both.',
    shows: (run) =>
      findCall(run, 'clone', ({ errno }) => errno === 'EINVAL') && askedFor(run, 'CLONE_NEWPID')?.call === 'unshare'
        ? askedFor(run, 'CLONE_NEWPID')
        : false,
  },
  {
    slug: 'clone-taken-for-fork',
    checks: ['06.1'],
    man: 'clone(2)',
    why: 'clone does not return twice, as fork does. The child runs the function that clone was given, and nothing that stands below. Where the function comes back, or waits for something asynchronous, the child ends there.',
    shows: (run) =>
      executed(run) === undefined &&
      findCall(run, '_exit', (line) => inChild(line) && line.note === 'fell off the end') !== undefined &&
      findCall(run, 'clone'),
  },
  {
    slug: 'unshare-without-fork',
    checks: ['06.1'],
    why: 'A process keeps its number for life, so unshare(CLONE_NEWPID) cannot move the one that calls it: the next child that it makes is PID 1. The command itself stays outside. Its first child, which may be an `ls`, is PID 1, and when that has ended nobody can be born in there any more: "Cannot allocate memory".',
    shows(run) {
      const unshared = run.trace.findLastIndex(
        ({ call, args, errno }) => call === 'unshare' && errno === null && args[0]?.includes('CLONE_NEWPID') === true,
      );
      const line = run.trace[unshared];
      if (line === undefined || line.process !== executed(run)) return false;
      const child = run.trace
        .slice(unshared)
        .some(({ call, process }) => (call === 'fork' || call === 'clone') && process === line.process);
      return child ? false : line;
    },
  },
  {
    slug: 'function-called-in-the-parent',
    checks: ['06.1'],
    man: 'clone(2)',
    line: /\bclone\(/,
    why: 'clone was to be given a function, and was given a call. JavaScript makes the call first, in box.ts itself: it went through all the steps in the namespaces of the host and became the command before there was any clone.',
    shows: (run) =>
      findCall(run, ['clone', 'fork']) === undefined && executed(run) === '0' && lineWith(run, /\bclone\(/) !== null,
  },
  {
    slug: 'runtime-is-pid-1',
    checks: ['06.1'],
    why: 'The first process in the namespace is box.ts, and the command is only a child of it. It is this first process whose end is the end of the container, and it is still a whole Node. The command has to take its place: exec in that very process.',
    shows(run) {
      const command = run.during?.commands[0];
      const first = run.during?.processes.find(
        ({ innerPid, namespaces }) => innerPid === 1 && namespaces['pid'] === command?.namespaces['pid'],
      );
      return first !== undefined && isNode(first.exe)
        ? findCall(run, ['fork', 'clone'], (line) => inChild(line) && line.result !== null)
        : false;
    },
  },
  {
    slug: 'no-pid-namespace',
    checks: ['06.1', '06.5'],
    why: 'A new process is in the namespaces of its parent, even one that clone makes. It gets a new namespace only of the kinds that a flag asks for, and no flag asked for a PID namespace.',
    shows: (run) => askedFor(run, 'CLONE_NEWPID') === undefined && birth(run),
  },
  {
    slug: 'host-proc-bound',
    checks: ['06.2'],
    why: 'A bind mount shows the same filesystem at a second place. The proc of the host shows the processes of the host, whoever looks at it and from wherever. The container needs a proc that is mounted anew.',
    shows: (run) =>
      findCall(
        run,
        'mount',
        ({ args, errno }) =>
          errno === null && /^"\/proc\/?"$/.test(args[0] ?? '') && (args[3] ?? '').includes('MS_BIND'),
      ),
  },
  {
    slug: 'proc-of-another-namespace',
    checks: ['06.2'],
    why: 'Which processes a proc filesystem shows is settled when it is mounted: those of the PID namespace of the process that mounts it. After unshare(CLONE_NEWPID) the caller is still in the old one. Only the child that was born in the new one can mount the right proc.',
    shows: (run) => findCall(run, 'mount', ({ args, errno }) => errno === null && args[2] === '"proc"'),
  },
  {
    slug: 'sys-of-another-network',
    checks: ['06.3'],
    man: 'network_namespaces(7)',
    why: 'Which network a sysfs shows is settled when it is mounted, as with proc and processes. It was mounted while the process was still in the network namespace of the host.',
    shows: (run, finding) =>
      /network interfaces of the host/.test(finding.actual) &&
      findCall(run, 'mount', ({ args, errno }) => errno === null && args[2] === '"sysfs"'),
  },
  {
    slug: 'earlier-namespaces-lost',
    checks: ['06.3'],
    why: 'The flags of clone are the whole list: nothing is left over from the unshare that stood there before. Without CLONE_NEWNS the child mounts on the host, without CLONE_NEWUTS it renames the host.',
    shows: (run, finding) => /\b(mnt|uts)\b/.test(finding.actual) && birth(run),
  },
  {
    slug: 'namespace-not-asked-for',
    checks: ['06.3'],
    why: 'A PID namespace hides processes and nothing else. Shared memory and message queues (IPC) and the network are kinds of their own, with a flag for each: the container still uses those of the host.',
    shows: birth,
  },
  {
    slug: 'pid-as-a-name',
    checks: ['06.4', '06.5'],
    line: /getpid\(|process\.pid/,
    why: "Inside its namespace every container is process 1. The number is no name: the second container wanted what the first one has already. Only in one PID namespace, and only as long as the process lives, is a pid nobody else's.",
    shows: (run) => /EEXIST/.test(run.stderr) && lineWith(run, /getpid\(|process\.pid/) !== null,
  },
  {
    slug: 'deathsig-in-the-parent',
    checks: ['06.4'],
    why: 'PR_SET_PDEATHSIG holds for the process that calls it: send me a signal when my own parent ends. Called in box.ts, it is about whoever started box.ts. A child does not inherit it, so the child must call it.',
    shows(run) {
      const calls = deathSignals(run);
      return calls.length > 0 && calls.every((line) => !inChild(line)) && calls[0];
    },
  },
  {
    slug: 'deathsig-ignored',
    checks: ['06.4'],
    why: 'To PID 1 of a namespace the kernel delivers only the signals for which it has a handler, so that nobody ends it by accident. The signal of PR_SET_PDEATHSIG is no exception. Only SIGKILL and SIGSTOP, sent from outside, always work.',
    shows: (run) => deathSignals(run).find(({ process, args }) => process === executed(run) && args[1] !== '9'),
  },
  {
    slug: 'deathsig-of-another-parent',
    checks: ['06.4'],
    why: 'The signal comes when the parent ends. The parent of PID 1 is not the box.ts that was killed, but your second process in between, and that one lives on. It must ask for the signal, too.',
    shows: (run) =>
      run.left.some(({ exe }) => isNode(exe)) && deathSignals(run).find(({ process }) => process === executed(run)),
  },
  {
    slug: 'deathsig-not-inherited',
    checks: ['06.4'],
    why: 'What PR_SET_PDEATHSIG sets holds for the process that calls it, and a child begins without it. The process that is PID 1, and becomes the command, has to call it itself. (exec leaves it in place.)',
    shows(run) {
      const calls = deathSignals(run);
      return calls.length > 0 && calls.every(({ process }) => process !== executed(run)) && calls[0];
    },
  },
  {
    slug: 'no-deathsig',
    checks: ['06.4'],
    why: 'A child does not end with its parent: it goes on, an orphan. Neither does a PID namespace help, for it ends with its own PID 1. And box.ts cannot do it in a handler, since SIGKILL leaves no time for one. The child has to ask the kernel beforehand for a signal at that moment.',
    shows: (run) => deathSignals(run).length === 0 && birth(run),
  },
];
