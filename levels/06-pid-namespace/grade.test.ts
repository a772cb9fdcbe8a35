// What must be true of level 06.
import { grade } from '#grading';
import { type Finding, findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/06-pid-namespace';
import { type ProcessFacts } from '#grading/processes';
import { isNode } from '#grading/processes';
import type { Run } from '#grading/run';
import { companion, killedRuntime, said, tour } from '#grading/tour';

const { scenario, check } = grade('06-pid-namespace', misconceptions);

const held = scenario(tour);
const ended = scenario(companion);
const orphaned = scenario(killedRuntime);

/** Where the namespaces of the command are the host's own: a line of proof for each. */
function shared(run: Run, kinds: readonly string[]): string[] {
  const { namespaces, innerPid } = run.during!.commands[0]!;
  return kinds
    .filter((kind) => namespaces[kind] === run.before.namespaces[kind])
    .map((kind) => `/proc/${innerPid}/ns/${kind} -> ${namespaces[kind]}, as on the host`);
}

/** A process as evidence: which program, and the number that it has for itself. */
function shown({ innerPid, state, argv, exe }: ProcessFacts): string {
  const words = isNode(exe) ? 'box.ts (node)' : argv.join(' ').replaceAll('\n', ' ').slice(0, 50);
  return `process ${innerPid}, state ${state}: ${words}`;
}

/** Where a scenario's command never came to the point of being looked at. */
function neverRan(run: Run, expected: string): Finding {
  return { expected, actual: `the command never ran to its end: ${showEnd(run)}`, evidence: showStderr(run) };
}

/** The call that made the child. */
function birth(run: Run): Run['trace'][number] | undefined {
  return findCall(run, 'clone') ?? findCall(run, 'fork');
}

check('06.1', 'the command is PID 1 of a PID namespace of its own', {
  of: held,
  shownBy: 'readlink /proc/self/ns/pid; box run sh -c "echo \\$\\$; readlink /proc/self/ns/pid"',
  why: 'A PID namespace has numbers of its own, which begin at 1. A process keeps the one that it was born in, so it is the child that must be born in a new one, and the child itself must become the command.',
  man: 'pid_namespaces(7)',
  holds(run) {
    const expected = "that the command has the number 1, in a PID namespace that is not the host's";
    const command = run.during?.commands[0];
    const itself = said(run, 'pid');
    const evidence = [
      ...(itself === null ? [] : [`the command says: $$ is ${itself}`]),
      ...showCalls(
        run.trace.filter(({ call, phase }) => ['clone', 'fork', 'unshare'].includes(call) && phase === 'done'),
      ),
    ];
    if (command === undefined) {
      const actual = `${itself === null ? 'the command never ran' : 'it broke off early'}: ${showEnd(run)}`;
      return { expected, actual, evidence: [...evidence, ...showStderr(run)], at: birth(run) };
    }
    const same = shared(run, ['pid']);
    if (same.length > 0) {
      const actual = `it is process ${command.innerPid} of the host's own PID namespace`;
      return { expected, actual, evidence: [...same, ...evidence], at: birth(run) };
    }
    if (run.during!.runtime === null || (run.exitCode === 125 && run.stderr.includes('ECHILD'))) {
      const actual = `box.ts did not: ${showEnd(run)} while the command was running`;
      return {
        expected: 'that box.ts waits for it',
        actual,
        evidence: [...evidence, ...showStderr(run)],
        at: birth(run),
      };
    }
    if (command.innerPid === 1 && itself === '1') return undefined;
    const first = run.during!.processes.find(
      ({ innerPid, namespaces }) => innerPid === 1 && namespaces['pid'] === command.namespaces['pid'],
    );
    return {
      expected,
      actual: `it is process ${command.innerPid} in there`,
      evidence: [...(first === undefined ? [] : [shown(first)]), shown(command), ...evidence],
      at: birth(run),
    };
  },
});

check('06.2', 'its /proc shows the processes of the container, and no others', {
  of: held,
  needs: ['06.1'],
  reproduce: 'ps',
  why: 'A proc filesystem belongs to the PID namespace of the process that mounted it, for ever, whoever reads it. Only one that was mounted from inside shows the container.',
  man: 'pid_namespaces(7)',
  holds(run) {
    const { commands, processes, inside } = run.during!;
    const command = commands[0]!;
    const own = processes
      .filter(({ namespaces }) => namespaces['pid'] === command.namespaces['pid'])
      .map(({ innerPid }) => innerPid);
    const expected = `in its /proc the ${own.length === 1 ? 'process' : 'processes'} ${own.join(', ')}, and no other`;
    for (const [mountPoint, numbers] of Object.entries(inside?.processes ?? {})) {
      const others = numbers.filter((number) => !own.includes(number));
      if (others.length === 0 && (mountPoint !== '/proc' || numbers.includes(command.innerPid))) continue;
      return {
        expected,
        actual:
          others.length === 0
            ? `${mountPoint} does not show the command itself`
            : `${mountPoint} shows ${numbers.length} processes, which are the host's`,
        evidence: [
          `[0-9]* in ${mountPoint}: ${numbers.join(' ')}`,
          ...showCalls(run.trace.filter(({ call, args }) => call === 'mount' && /proc/.test(args[1] ?? ''))),
        ],
        at: findCall(run, 'mount', ({ args }) => /\/proc\/?"$/.test(args[1] ?? '')),
      };
    }
    return undefined;
  },
});

check('06.3', 'IPC and network are its own too, as are mounts and hostname', {
  of: held,
  needs: ['00.4'],
  shownBy:
    'for n in mnt uts ipc net; do readlink /proc/self/ns/$n; box run readlink /proc/self/ns/$n; done; stat -c %i /sys/class/net/lo/; box run stat -c %i /sys/class/net/lo/',
  why: 'Each kind of namespace is asked for by a flag of its own. What is not asked for stays shared with the host: shared memory and message queues (IPC), network interfaces and ports.',
  man: 'namespaces(7)',
  holds(run) {
    const expected = "five namespaces that are not the host's: mnt, uts, pid, ipc, net";
    const same = shared(run, ['mnt', 'uts', 'ipc', 'net']);
    if (same.length > 0) {
      return {
        expected,
        actual: `shared with the host: ${same.map((line) => line.split('/')[4]!.split(' ')[0]).join(', ')}`,
        evidence: [...same, ...showCalls(run.trace.filter(({ call }) => ['clone', 'unshare'].includes(call)))],
        at: birth(run),
      };
    }
    const { loopbackId } = run.during!.inside!;
    if (loopbackId === '' || loopbackId !== run.before.loopbackId) return undefined;
    return {
      expected: 'that /sys shows the network of the container',
      actual: 'its /sys shows the network interfaces of the host',
      evidence: [
        '/sys/class/net/lo is the same file in the container and on the host',
        ...showCalls(
          run.trace.filter(
            ({ call, args }) => args.some((word) => /CLONE_NEWNET|"sysfs"|\/sys"/.test(word)) && call !== 'umount2',
          ),
        ),
      ],
      at: findCall(run, 'mount', ({ args }) => /\/sys\/?"$/.test(args[1] ?? '')),
    };
  },
});

check('06.4', 'when box.ts is killed, the container dies with it', {
  of: orphaned,
  needs: ['00.4'],
  shownBy: 'box run sleep 1000 & sleep 2; pkill -KILL -o -x MainThread; sleep 1; ps -eo pid,comm | grep sleep',
  why: 'The end of a parent does not end its children. A runtime that is killed can do nothing any more, so the kernel must have been told before what to do in that case.',
  man: 'PR_SET_PDEATHSIG(2const)',
  holds(run) {
    const expected = 'no process of the container after a SIGKILL to box.ts';
    if (run.during === null) return neverRan(run, expected);
    if (run.left.length === 0) return undefined;
    return {
      expected,
      actual: `${run.left.length === 1 ? 'one was' : `${run.left.length} were`} still there 5 seconds later`,
      evidence: [...run.left.map(shown), ...showCalls(run.trace.filter(({ call }) => call === 'prctl'))],
      at: birth(run),
    };
  },
});

check('06.5', 'when the command ends, every process of the container ends with it', {
  of: ended,
  needs: ['00.4'],
  why: 'When PID 1 of a PID namespace ends, the kernel ends every other process in it by SIGKILL, those in the background and in sessions of their own among them. It does so for PID 1 only, so this must be the command.',
  man: 'pid_namespaces(7)',
  holds(run) {
    const expected = 'no process after the end of a command that had left two in the background';
    if (run.during === null) return neverRan(run, expected);
    if (run.left.length === 0) return undefined;
    return {
      expected,
      actual: `${run.left.length === 1 ? 'one was' : `${run.left.length} were`} still running`,
      evidence: run.left.map(shown),
      at: birth(run),
    };
  },
});
