// What must be true of level 07.
import { grade } from '#grading';
import {
  type Cgroup,
  cgroupPathOf,
  cgroupPathsOf,
  cgroupsAbove,
  cgroupsFor,
  ownCgroup,
  versionOf,
} from '#grading/cgroups';
import { isBetween } from '#grading/cpu-time';
import { exactWeight } from '#grading/cpu-weight';
import { findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/07-cpu-cgroup';
import type { ProcessFacts } from '#grading/processes';
import { choices } from '#grading/random';
import { isNode } from '#grading/processes';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import * as tours from '#grading/tour';

const { randomWord } = choices('07-cpu-cgroup');
const { scenario, check } = grade('07-cpu-cgroup', misconceptions);

/** A container without --cpu-shares, and beside it one with. */
const held = scenario(tours.tour);
const beside = scenario(tours.companion);

const missing = scenario(tours.missingCommand);
const notExecutable = scenario(tours.notExecutable);
/** The upper layer of an overlay cannot lie on another overlay, as / of the testbed is one: mount fails in the child. */
const failing = scenario(
  {
    host: 'mishaps',
    args: ['-i', 'busybox', '--container-dir', `/opt/${randomWord()}`, '/bin/true'],
    reproduce: '--container-dir /opt/containers /bin/true',
  },
  tours.missingCommand,
);

/** Two containers that are always busy, on one CPU. */
const shares = { own: 1024, other: 128 };
const asked = versionOf('cpu') === 2 ? exactWeight(shares.own) / exactWeight(shares.other) : shares.own / shares.other;
/** Wide: what matters is that neither share is ignored, nor the two exchanged. */
const fairRatio = [asked / 2, asked * 2] as const;
const busyWords = [`hold-${randomWord()}`, `hold-${randomWord()}`];
const busy = (cpuShares: number, holdWord: string): Omit<Scenario, 'meanwhile'> => ({
  args: [
    ...['-i', 'busybox', '--cpu-shares', String(cpuShares)],
    ...['/bin/sh', '-c', holdStill(holdWord, 'while :; do :; done &')],
  ],
  holdWord,
  oneCpu: true,
  // Much longer than it takes: on a machine that is busy they get little of that one CPU.
  limit: 60,
  reproduce: `--cpu-shares ${cpuShares} sh -c 'while :; do :; done'`,
});
const heavy: Scenario = { ...busy(shares.own, busyWords[0]!), meanwhile: 'measure-cpu', cpuRatio: fairRatio };
// The light one first: the heavy one can still come to its start beside it.
const light: Scenario = { ...busy(shares.other, busyWords[1]!), meanwhile: heavy };
scenario(light, tours.tour);
const competing = scenario(heavy, tours.tour);

/** Who is in which cgroup, seen from the host. */
const seenOnHost =
  'box run sh -c "echo in; sleep 5" | { read in; for file in $(find /sys/fs/cgroup -path "*boxwright*" -name cgroup.procs); do echo $file: $(cat $file); done; ps -e; }';

function showFiles({ path, files }: Cgroup): string[] {
  return Object.entries(files)
    .filter(([name]) => name.startsWith('cpu.') || name.startsWith('cgroup.'))
    .map(([name, value]) => `${path}/${name}: ${value === '' ? '(empty)' : value}`);
}

/** The processes of the container: all but those of box.ts. */
function inContainer(run: Run): ProcessFacts[] {
  return run.during!.processes.filter(({ exe, state }) => exe !== '' && !isNode(exe) && !'ZX'.includes(state));
}

check('07.1', 'each container has a cgroup of its own for the CPU, below one that all share', {
  of: held,
  reproduce: 'sleep 60',
  shownBy: seenOnHost,
  why: 'The kernel counts and shares out per cgroup. A container that has none of its own is counted with whoever started it.',
  man: 'cgroups(7)',
  holds(run) {
    const expected =
      'while a container runs, a cgroup for it alone, as /boxwright/ID in the hierarchy of the cpu controller';
    if (run.during?.commands[0] === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    const own = ownCgroup(run, 'cpu');
    if (own === undefined) {
      const { cgroups, noCgroups } = run.during.host;
      const withShares = ownCgroup(beside.run!, 'cpu');
      return {
        expected,
        actual: 'there is no cgroup that box.ts made for the cpu controller',
        evidence: [
          ...cgroups.map(({ path, controllers }) => `there is one for ${controllers.join(',') || 'nothing'}: ${path}`),
          ...(withShares === undefined
            ? []
            : [`with --cpu-shares ${tours.companionShares} there is: ${withShares.path}`]),
          ...noCgroups.map((directory) => `${directory} is a directory, but of no cgroup filesystem`),
        ],
      };
    }
    const other = beside.run!;
    const others = ownCgroup(other, 'cpu');
    if (others?.path === own.path) {
      return {
        expected: 'a cgroup for each container',
        actual: `two containers at a time, and both are in ${own.path}`,
        evidence: showFiles(own),
      };
    }
    if (others === undefined && /\bEEXIST\b/.test(other.stderr)) {
      return {
        expected: 'a second container beside the first one, with a cgroup of its own',
        actual: `it never ran: ${showEnd(other)}`,
        evidence: showStderr(other),
      };
    }
    if (own.version === 2 && !own.controllers.includes('cpu')) {
      const all = cgroupsFor('cpu', run.during.host.cgroups);
      const above = cgroupsAbove(own.path).flatMap((name) => all.filter(({ path }) => path === name));
      return {
        expected: `the controller cpu in ${own.path}`,
        actual: 'the cgroups above it do not hand it down',
        evidence: [own, ...above].flatMap(showFiles),
      };
    }
    const shared = cgroupsAbove(own.path).filter((name) => others === undefined || others.path.startsWith(`${name}/`));
    if (shared.length > 0) return undefined;
    return {
      expected: 'one cgroup above those of all containers, such as /boxwright',
      actual: `this one is ${own.path}${others === undefined ? '' : `, and that of another container ${others.path}`}`,
    };
  },
});

check('07.2', "all of the container's processes are in it, and box.ts is not", {
  of: held,
  needs: ['07.1'],
  reproduce: 'sleep 60',
  shownBy: seenOnHost,
  why: 'A cgroup is empty until a process is moved into it. What that process starts afterwards is born there; what it started before stays where it was.',
  man: 'cgroups(7)',
  holds(run) {
    for (const one of [run, beside.run!]) {
      const command = one.during?.commands[0];
      if (command === undefined) continue;
      const own = ownCgroup(one, 'cpu')!;
      const expected = `all processes of the container in ${own.path}`;
      const strangers = own.members
        .filter((pid) => !one.during!.processes.some((process) => process.pid === pid))
        .map(() => `${own.path}/cgroup.procs lists a process that belongs to the host`);
      const outside = inContainer(one).filter((process) => cgroupPathOf(process, 'cpu') !== own.path);
      if (outside.length > 0) {
        const whole = outside.some(({ pid }) => pid === command.pid);
        return {
          expected,
          actual: whole
            ? `the command is in ${cgroupPathOf(command, 'cpu')}`
            : `${outside.length} of them are not in it, which the command started`,
          evidence: [
            ...strangers,
            ...outside.map(
              (process) => `process ${process.innerPid} (${process.argv[0]}) is in ${cgroupPathOf(process, 'cpu')}`,
            ),
          ],
          at:
            findCall(one, 'unshare', ({ args }) => args[0]?.includes('CLONE_NEWCGROUP') === true) ??
            findCall(one, ['clone', 'fork']),
        };
      }
      const { runtime } = one.during!;
      if (runtime !== null && cgroupPathOf(runtime, 'cpu') === own.path) {
        return {
          expected: `only the container in ${own.path}`,
          actual: 'box.ts itself is in it, too',
          evidence: [`/proc/${runtime.innerPid}/cgroup of box.ts: ${own.path}`],
        };
      }
      if (strangers.length > 0) {
        return {
          expected: `only the container in ${own.path}`,
          actual: 'somebody else is in it, too',
          evidence: strangers,
        };
      }
    }
    return undefined;
  },
});

check('07.3', 'the container sees its own cgroup as the root', {
  of: held,
  needs: ['07.2'],
  reproduce: 'cat /proc/self/cgroup',
  why: "Without a cgroup namespace of its own, a container reads in /proc/self/cgroup where it lies on the host, and sees the host's whole tree in every cgroup filesystem that it mounts.",
  man: 'cgroup_namespaces(7)',
  holds(run) {
    const { commands, runtime } = run.during!;
    const command = commands[0]!;
    const seen = tours.said(run, 'cgroup');
    const { version, controllers } = ownCgroup(run, 'cpu')!;
    const key = version === 2 ? '' : controllers.join(',');
    const path = new RegExp(`(?:^| )\\d+:${key}:(\\S*)`).exec(seen ?? '')?.[1];
    const expected = `that /proc/self/cgroup says / in the container, and a cgroup namespace other than that of box.ts`;
    const same = runtime !== null && runtime.namespaces['cgroup'] === command.namespaces['cgroup'];
    if (path === '/' && !same) return undefined;
    return {
      expected,
      actual: path === undefined ? `it says nothing of the kind: ${seen ?? 'it was not read'}` : `it says ${path}`,
      evidence: [
        `the command's namespace: ${command.namespaces['cgroup']}`,
        ...(runtime === null ? [] : [`that of box.ts: ${runtime.namespaces['cgroup']}`]),
        ...showCalls(run.trace.filter(({ args }) => args.some((argument) => argument.includes('CLONE_NEWCGROUP')))),
      ],
      at: findCall(run, ['unshare', 'clone'], ({ args }) => args.some((word) => word.includes('CLONE_NEWCGROUP'))),
    };
  },
});

check('07.4', '--cpu-shares is what its cpu.shares say, or its cpu.weight, converted', {
  of: beside,
  needs: ['07.1'],
  reproduce: `--cpu-shares ${tours.companionShares} sleep 60`,
  shownBy: `for shares in "" "--cpu-shares ${tours.companionShares}"; do box run $shares sh -c "echo in; sleep 5" | { read in; grep -r . /sys/fs/cgroup --include=cpu.shares --include=cpu.weight; }; done`,
  why: 'v1 has the file cpu.shares, where 1024 is the usual value. v2 has cpu.weight, where it is 100, from 1 to 10000. What is asked for has to be said in the words of the version that the machine has.',
  man: 'cgroups(7)',
  holds(run) {
    const asked = tours.companionShares;
    const own = ownCgroup(run, 'cpu');
    if (own === undefined || run.during!.commands[0] === undefined) {
      return {
        expected: `a container that runs with --cpu-shares ${asked}`,
        actual: `the command never ran: ${showEnd(run)}`,
        evidence: showStderr(run),
      };
    }
    const first = ownCgroup(held.run!, 'cpu')!;
    const file = own.version === 1 ? 'cpu.shares' : 'cpu.weight';
    // In between may be cgroups of this container's, too.
    const names = [own.path, ...cgroupsAbove(own.path)].filter((name) => !first.path.startsWith(`${name}/`));
    const candidates = cgroupsFor('cpu', run.during!.host.cgroups).filter(({ path }) => names.includes(path));
    const isRight = (value: number): boolean =>
      own.version === 1 ? value === asked : Math.abs(value - exactWeight(asked)) <= 1;
    const value = own.files[file];
    if (!candidates.some(({ files }) => isRight(Number(files[file])))) {
      const wanted = own.version === 1 ? asked : Math.ceil(exactWeight(asked));
      return {
        expected: `${file} ${wanted} for --cpu-shares ${asked}`,
        actual: value === undefined ? `its cgroup has no ${file}` : `it is ${value}`,
        evidence: showFiles(own),
      };
    }
    const usual = own.version === 1 ? 1024 : 100;
    const unasked = first.files[file];
    if (Number(unasked) === usual) return undefined;
    return {
      expected: `the usual ${file}, ${usual}, for a container without --cpu-shares`,
      actual: `it is ${unasked}`,
      evidence: showFiles(first),
      reproduce: 'sleep 60',
    };
  },
});

check('07.5', 'its cgroup is gone afterwards, however it ended', {
  of: held,
  and: [missing, notExecutable, failing],
  needs: ['07.1'],
  reproduce: 'true',
  shownBy: 'box run true; box run no-such-command; find /sys/fs/cgroup -path "*boxwright*" -type d',
  why: 'A cgroup is a directory that the kernel keeps until somebody removes it, with or without processes. Each run that leaves one makes the kernel keep more, until the machine starts again.',
  man: 'rmdir(2)',
  holds(run) {
    const other = beside.run!;
    const [own, others] = [run, other].map((one) => cgroupsOfContainer(one));
    const shared = own!.flatMap(cgroupsAbove).filter((name) => others!.length === 0 || isAbove(name, others!));
    const ends: [string, Run][] = [
      ['its command had ended by itself', run],
      // Where it never ran, 07.4 says why.
      ...(other.during === null ? [] : [['its command had been killed', other] satisfies [string, Run]]),
      ['its command was not found', missing.run!],
      ['its command could not be executed', notExecutable.run!],
      ['a mount had failed in the child', failing.run!],
    ];
    // Whoever was ended by us after the time limit had no chance to clean up, and other checks say that.
    const left = ends
      .filter(([, one]) => !one.timedOut)
      .map(([how, one]) => ({ how, one, names: one.cgroups.filter((name) => !shared.includes(name)) }));
    const first = left.find(({ names }) => names.length > 0);
    if (first !== undefined) {
      return {
        expected: 'that the cgroup of a container is removed in each case',
        actual: `${first.names.join(', ')} was left after ${first.how}`,
        evidence: left.map(
          ({ how, one, names }) => `after ${how} (${showEnd(one)}): ${names.length > 0 ? 'left' : 'removed'}`,
        ),
        at: findCall(first.one, 'waitpid'),
      };
    }
    return undefined;
  },
});

/** The paths, in all hierarchies, of what a run made for its container. */
function cgroupsOfContainer(run: Run): string[] {
  const command = run.during?.commands[0];
  const own = ownCgroup(run, 'cpu');
  return [...(command === undefined ? [] : cgroupPathsOf(command)), ...(own === undefined ? [] : [own.path])];
}

function isAbove(name: string, cgroups: readonly string[]): boolean {
  return cgroups.some((cgroup) => cgroup.startsWith(`${name}/`));
}

check('07.6', 'two busy containers share one CPU as they were asked to', {
  of: competing,
  needs: ['07.2', '07.4'],
  alone: true,
  shownBy: `taskset -c 0 box run --cpu-shares ${shares.own} md5sum /dev/zero & taskset -c 0 box run --cpu-shares ${shares.other} sha1sum /dev/zero & until [ $(pgrep -c sum$) = 2 ]; do sleep 0.1; done; sleep 5; ps --sort comm -C md5sum,sha1sum -o pcpu,comm`,
  why: 'Shares and weights are compared among the cgroups that lie side by side, below the same one. Only there do they decide who gets how much of a CPU that several want.',
  man: 'cgroups(7)',
  holds(run) {
    const expected = `${asked.toFixed(1)} times as much CPU time for --cpu-shares ${shares.own} as for ${shares.other}, when both want all of one CPU`;
    if (run.cpuTime === null) {
      return { expected, actual: `the two never ran side by side: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    if (isBetween(fairRatio, run.cpuTime)) return undefined;
    const { own, others } = run.cpuTime;
    const ratio = own / Math.max(others, 1);
    return {
      expected,
      actual: `${ratio.toFixed(1)} times as much`,
      evidence: [`--cpu-shares ${shares.own}: ${own} ms of CPU time`, `--cpu-shares ${shares.other}: ${others} ms`],
    };
  },
});
