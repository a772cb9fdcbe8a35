// What must be true of the bonus level about containers that go on by themselves.
import fs from 'node:fs';
import path from 'node:path';
import { grade, type PlannedRun } from '#grading';
import { pathOnHost } from '#grading/cgroups';
import { type Finding, showEnd, showStderr } from '#grading/finding';
import {
  comesTrue,
  giveOutAgain,
  killTogether,
  known,
  type KnownProcess,
  letWriteNothing,
  lives,
  restart,
  run as onHost,
  send,
  settled,
} from '#grading/mishaps';
import { misconceptions } from '#grading/misconceptions/bonus-lifecycle';
import { argumentsOf, childrenOf, isNode, processFacts, type ProcessFacts, processState } from '#grading/processes';
import { choices } from '#grading/random';
import type { Run, Snapshot } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import type { Testbed } from '#grading/testbed';
import { probes, said } from '#grading/tour';
import { dataDirectory } from '../../workshop/paths.ts';

const { pick, pickNumber, randomWord } = choices('bonus-lifecycle');
const { scenario, check } = grade('bonus-lifecycle', misconceptions);

/** A container that goes on by itself. */
type Detached = {
  scenario: Scenario;
  /** What is known of it since it was started. */
  seen: {
    id: string;
    processes: KnownProcess[];
    /** Its PID 1. */
    init: KnownProcess | undefined;
    /** Those of box.ts that stayed on the host. */
    keepers: KnownProcess[];
  };
};

/** Seconds that nobody waits for; as an argument of sleep it is a name, too. */
const longTime = (): string => String(pickNumber(100_000, 900_000));

/** What follows in a container's script: a sleep, for which it waits and can catch signals. */
const andWaits = (last: string): string => `sleep ${last} &\nwait; wait; wait; wait`;
/** Or it becomes a program that catches no signal and waits for no child. */
const andBecomes = (last: string): string => `exec sleep ${last}`;

/** Starts a container by `run -d`. */
function detached(host: string, script: string, options: readonly string[] = [], behind = andWaits): Detached {
  const last = longTime();
  const seen: Detached['seen'] = { id: 'none', processes: [], init: undefined, keepers: [] };
  return {
    seen,
    scenario: {
      host,
      args: ['-d', ...options, '/bin/sh', '-c', `${script}\n${behind(last)}`],
      staysWith: last,
      meanwhile: async (_testbed: Testbed, { processes, commands, hostname }: Snapshot) => {
        seen.id = hostname;
        seen.processes = processes.map(({ pid }) => known(pid));
        const own = commands[0]?.namespaces['pid'];
        const isIn = (one: ProcessFacts): boolean => one.namespaces['pid'] === own;
        const first = processes.find((one) => isIn(one) && one.innerPid === 1);
        seen.init = first === undefined ? undefined : known(first.pid);
        seen.keepers = processes.filter((one) => !isIn(one) && isNode(one.exe)).map(({ pid }) => known(pid));
      },
      reproduce: '-d sleep 1000',
    },
  };
}

/** Another word than run, about a container or about none. */
function verb(
  host: string,
  words: (of: { id: string }) => readonly string[],
  { seen }: Detached,
  rest: Partial<Scenario> = {},
): Scenario {
  const reproduce = words({ id: 'ID' })
    .map((word) => (word.includes('\n') ? "'…'" : word))
    .join(' ');
  return { host, args: [], words: () => words(seen), reproduce, ...rest };
}
const ps = (host: string, of: Detached, rest: Partial<Scenario> = {}): Scenario => verb(host, () => ['ps'], of, rest);

/** Whether a process of a container lived, at what is worth knowing it. */
const lived = {
  afterSignal: true,
  afterStop: true,
  afterStopOfStubborn: true,
  afterEarlyRm: false,
  withoutKeeper: false,
  whenUnwritable: false,
};
const isLiving = ({ seen }: Detached): boolean => seen.processes.some(lives);
/** What is found out after some of the commands. */
const afterwards = {
  /** Processes of the container whose PID 1 ended, and the children that it had not waited for. */
  zombies: [] as string[],
  /** What there is of containers after rm: after one of a container that runs, and of one whose box.ts was killed. */
  leftByRm: [] as string[],
  leftByEarlyRm: [] as string[],
  leftOfLost: [] as string[],
  /** Whether nobody has touched the processes that have the pids of the victim's. */
  strangersLive: true,
  /** What the folder of the host holds afterwards: the new file, and the one that must not be. */
  inFolder: '',
  /** In the folder lies a link that says /tmp. Whose? */
  madeOnHost: false,
};

// ---- a container from its start to its removal --------------------------------------------------------------

const user = [pickNumber(1001, 59_999), pickNumber(1001, 59_999)] as const;
const words = { out: `out-${randomWord()}`, err: `err-${randomWord()}`, term: `term-${randomWord()}` };
const status = { term: pickNumber(2, 99), exec: pickNumber(2, 99), end: pick([0, 3, 42]) };
/** A folder as other levels leave them: a container without anything that this level writes. Its name comes first. */
const foreign = path.join(dataDirectory(), 'containers', `box-000${randomWord().slice(0, 3)}`, 'upper', 'x');

const main = detached(
  'lifecycle',
  `trap 'echo ${words.term}; exit ${status.term}' TERM
echo ${words.out}
echo ${words.err} >&2`,
  ['--user', user.join(':')],
);
main.scenario = { ...main.scenario, files: { [foreign]: { text: '', mode: 0o644 } } };
const started = scenario(main.scenario);
const listed = scenario(ps('lifecycle', main));
const logged = scenario(verb('lifecycle', ({ id }) => ['logs', id], main));
const execWord = `hold-${randomWord()}`;
const entered = scenario(
  verb(
    'lifecycle',
    ({ id }) => ['exec', id, '/bin/sh', '-c', holdStill(execWord, probes({ id: 'id' }), `exit ${status.exec}`)],
    main,
    { holdWord: execWord },
  ),
);
const enteredInVain = scenario(verb('lifecycle', ({ id }) => ['exec', id, `no-such-${randomWord()}`], main));
const stopped = scenario(
  verb('lifecycle', ({ id }) => ['stop', id], main, { last: async () => void (lived.afterStop = isLiving(main)) }),
);
const listedAfterStop = scenario(ps('lifecycle', main));
const loggedAfterStop = scenario(verb('lifecycle', ({ id }) => ['logs', id], main));
const removed = scenario(
  verb('lifecycle', ({ id }) => ['rm', id], main, {
    last: async (testbed) => void (afterwards.leftByRm = leftOf(testbed, main.seen.id)),
  }),
);
const listedAfterRm = scenario(ps('lifecycle', main));

/** Folders and cgroups with a container's id for a name. */
function leftOf(testbed: Testbed, id: string): string[] {
  return [
    ...fs
      .readdirSync(testbed.containersFolder)
      .filter((name) => name === id)
      .map((name) => `directory ${name} in the folder of containers`),
    ...testbed
      .cgroups()
      .filter((name) => path.basename(name) === id)
      .map((name) => `cgroup ${name}`),
  ];
}

/** One that does not want to end. */
const stubborn = detached('stubborn', `trap '' TERM`);
scenario(stubborn.scenario);
const stoppedStubborn = scenario(
  verb('stubborn', ({ id }) => ['stop', '--grace', '1', id], stubborn, {
    last: async () => void (lived.afterStopOfStubborn = isLiving(stubborn)),
  }),
);
const listedStubborn = scenario(ps('stubborn', stubborn));

/** One that ends by itself, when it is told to. */
const ending = detached('stubborn', `trap 'exit ${status.end}' USR2`);
const startedEnding = scenario(ending.scenario);
const listedEnded = scenario(
  ps('stubborn', ending, {
    async first() {
      const shell = startedEnding.run?.during?.commands.find(({ argv }) => argv[0] === '/bin/sh');
      send(
        ending.seen.processes.find(({ pid }) => pid === shell?.pid),
        'SIGUSR2',
      );
      await settled(ending.seen.processes);
    },
  }),
);

/** A child for which nobody waits; it is ended from outside, for its end not to be missed. Its argument, in seconds. */
const orphanTime = String(pickNumber(20_000, 99_999));
const plain = detached('stubborn', `sh -c 'sleep ${orphanTime} & exit 0'`, [], andBecomes);
const startedPlain = scenario(plain.scenario);
const listedPlain = scenario(
  ps('stubborn', plain, {
    async first() {
      const pid = plain.seen.init?.pid ?? 0;
      const orphans = (): number[] => childrenOf(pid).filter((child) => argumentsOf(child).at(-1) === orphanTime);
      await comesTrue(() => orphans().length > 0, plain.seen.processes);
      await killTogether(orphans().map(known));
      const zombies = (): number[] => childrenOf(pid).filter((child) => processState(child) === 'Z');
      await comesTrue(() => zombies().length === 0, plain.seen.processes);
      afterwards.zombies = zombies().map((child) => `process ${processFacts(child)?.innerPid}, state Z, parent PID 1`);
      send(plain.seen.init, 'SIGTERM');
      await settled(plain.seen.processes);
      lived.afterSignal = isLiving(plain);
    },
  }),
);

const inUse = detached('stubborn', 'true');
scenario(inUse.scenario);
const removedTooEarly = scenario(
  verb('stubborn', ({ id }) => ['rm', id], inUse, {
    async last(testbed) {
      lived.afterEarlyRm = isLiving(inUse);
      afterwards.leftByEarlyRm = leftOf(testbed, inUse.seen.id);
    },
  }),
);

// ---- mishaps ------------------------------------------------------------------------------------------------

const victim = detached('mishaps of lifecycle', 'true');
const startedVictim = scenario(victim.scenario);
const listedOrphan = scenario(
  ps('mishaps of lifecycle', victim, {
    async first() {
      await killTogether(victim.seen.keepers);
      await settled(victim.seen.processes);
      lived.withoutKeeper = isLiving(victim);
    },
  }),
);
/** Processes that have the pids of the victim's. */
let strangers: KnownProcess[] = [];
const listedStranger = scenario(
  ps('mishaps of lifecycle', victim, {
    async first(testbed) {
      await killTogether(victim.seen.processes);
      strangers = await giveOutAgain(
        testbed,
        victim.seen.processes.map(({ hostPid }) => hostPid),
      );
    },
  }),
);
const enteredStranger = scenario(
  verb('mishaps of lifecycle', ({ id }) => ['exec', id, '/bin/sh', '-c', 'echo it ran'], victim),
);
const stoppedStranger = scenario(
  verb('mishaps of lifecycle', ({ id }) => ['stop', '--grace', '0', id], victim, {
    last: async () => void (afterwards.strangersLive = strangers.every(lives)),
  }),
);
const removedLost = scenario(
  verb('mishaps of lifecycle', ({ id }) => ['rm', id], victim, {
    last: async (testbed) => void (afterwards.leftOfLost = leftOf(testbed, victim.seen.id)),
  }),
);

const unwritable = detached('unwritable', 'true');
const startedUnwritable = scenario(unwritable.scenario);
const listedUnwritten = scenario(
  ps('unwritable', unwritable, {
    async first() {
      letWriteNothing(unwritable.seen.processes);
      send(unwritable.seen.init, 'SIGKILL');
      await settled(unwritable.seen.processes);
      lived.whenUnwritable = isLiving(unwritable);
    },
  }),
);

const rebooted = detached('mishaps of lifecycle', 'true');
const startedRebooted = scenario(rebooted.scenario);
const listedAfterRestart = scenario(
  ps('mishaps of lifecycle', rebooted, { first: (testbed) => restart(testbed, rebooted.seen.processes) }),
);

// ---- volumes, and a terminal --------------------------------------------------------------------------------

const shared = { folder: `/srv/${randomWord()}`, other: `/srv/${randomWord()}`, text: `text-${randomWord()}` };
const made = `made-${randomWord()}`;
const place = `/${randomWord()}/${randomWord()}`;
const inTmp = `in-${randomWord()}`;
const withVolumes = scenario({
  host: 'volumes',
  args: [
    ...['-v', `${shared.folder}:${place}`, '-v', `${shared.folder}:/frozen:ro`],
    ...['-v', `${shared.folder}/file:/etc/one-file:ro`],
    '/bin/sh',
    '-c',
    probes({
      read: `cat ${place}/file`,
      write: `echo ${made} > ${place}/${made} && echo written`,
      'read frozen': 'cat /frozen/file',
      'write frozen': `echo x > /frozen/changed && echo written`,
      'read file': 'cat /etc/one-file',
      'write file': 'echo x >> /etc/one-file && echo written',
      mounts: 'cat /proc/mounts',
    }),
  ],
  files: { [`${shared.folder}/file`]: { text: `${shared.text}\n`, mode: 0o644 } },
  async last(testbed) {
    afterwards.inFolder = await onHost(testbed, 'cd "$1" && cat "$2"; ls changed 2> /dev/null', [shared.folder, made]);
  },
  reproduce: `-v /etc/apt:/data -v /etc/apt:/frozen:ro sh -c 'ls /data; touch /frozen/x'`,
});
const throughLink = scenario({
  host: 'volumes',
  args: [
    ...['-v', `${shared.folder}:${place}`, '-v', `${shared.other}:${place}/way/${inTmp}`],
    '/bin/sh',
    '-c',
    probes({ 'in tmp': `cat /tmp/${inTmp}/file` }),
  ],
  files: { [`${shared.other}/file`]: { text: `${shared.text}\n`, mode: 0o644 } },
  async first(testbed) {
    await onHost(testbed, 'mkdir -p "$1" && ln -s /tmp "$1/way"', [shared.folder]);
  },
  last: async (testbed) => void (afterwards.madeOnHost = (await onHost(testbed, 'ls /tmp')).includes(inTmp)),
  reproduce: '-v /srv/a:/data -v /srv/b:/data/link/b true',
});

const size = { rows: pickNumber(20, 40), columns: pickNumber(60, 120) };
const later = { rows: size.rows + 3, columns: size.columns + 7 };
const sizeOf = (of: { rows: number; columns: number }): string => `${of.rows} ${of.columns}`;
const terminalWord = `hold-${randomWord()}`;
const onTerminal = scenario({
  host: 'terminal',
  terminal: size,
  args: [
    '-t',
    '-i',
    'busybox',
    '/bin/sh',
    '-c',
    holdStill(
      terminalWord,
      `${probes({ tty: 'tty < /dev/stderr', pts: 'ls /dev/pts' })}\necho "tty=$(tty) size=$(stty size)"`,
      `i=0; while [ "$(stty size)" = "${sizeOf(size)}" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
echo "later=$(stty size)"; exit ${status.exec}`,
    ),
  ],
  holdWord: terminalWord,
  async meanwhile(testbed) {
    await onHost(
      testbed,
      `for tty in /dev/pts/[0-9]*; do stty -F "$tty" rows ${later.rows} cols ${later.columns}; done`,
    );
  },
  reproduce: '-t sh',
});

// ---- checks -------------------------------------------------------------------------------------------------

/** What `ps` says of a container: its line, whether it runs, and how it has ended; null where it does not list it. */
function listedAs(run: Run, { seen: { id } }: Detached): { line: string; runs: boolean; status: number | null } | null {
  const line = run.stdout.split('\n').find((text) => text.includes(id));
  if (line === undefined) return null;
  const exited = /\bexited \((\d+)\)/.exec(line);
  return { line, runs: /\brunning\b/.test(line), status: exited === null ? null : Number(exited[1]) };
}

/** What it printed, where the report does not say so by itself. */
const quote = (run: Run): string[] => [
  ...run.stdout
    .split('\n')
    // The settings of the outer terminal are for the grader.
    .filter((line) => line.trim() !== '' && !line.startsWith('terminal: '))
    .slice(0, 6)
    .map((line) => `it printed: ${line.slice(0, 70).trim()}`),
  ...(run.exitCode === 0 && !run.timedOut ? showStderr(run) : []),
];

const shown = ({ innerPid, state, argv, exe }: ProcessFacts): string =>
  `process ${innerPid}, state ${state}: ${isNode(exe) ? 'box.ts (node)' : argv.join(' ').replaceAll('\n', ' ').slice(0, 50)}`;

check('lifecycle.1', 'run -d prints the id and comes back, and the container goes on', {
  of: started,
  shownBy: 'box run -d sleep 1000 | cat; ps -eo pid,sid,args',
  why: 'Whoever starts a container with -d gets the shell back. So a process of box.ts must stay for the container that nobody waits for: in a session of its own, where no Ctrl-C and no end of the terminal reaches it, and without the pipes of whoever started it.',
  man: 'setsid(2)',
  holds(run) {
    const expected = 'the id on stdout, status 0, and a command that still runs then';
    if (run.timedOut) return { expected, actual: 'box.ts did not come back', evidence: quote(run), seenIn: run };
    if (run.during === null) return { expected, actual: showEnd(run), evidence: quote(run) };
    const { processes, hostname } = run.during;
    if (run.holdsOutput) {
      return {
        expected: 'that whoever reads what run -d prints comes to the end of it',
        actual: 'a process of the container still holds that pipe open',
        evidence: processes.map(shown),
      };
    }
    const printed = run.stdout.trim().split('\n').at(-1)!.trim();
    if (printed !== hostname) {
      const actual =
        hostname === ''
          ? 'the container has ended together with the box.ts that started it'
          : `it printed "${printed}", and the container is ${hostname}`;
      return { expected, actual, evidence: quote(run) };
    }
    const inSession = processes.filter(({ session }) => session === run.session);
    if (inSession.length === 0) return undefined;
    return {
      expected: 'no process of it in the session of whoever started it',
      actual: `${inSession.length} of ${processes.length} are in it`,
      evidence: inSession.map(shown),
    };
  },
});

check('lifecycle.2', 'logs prints what it has written, on stdout and on stderr', {
  of: logged,
  and: [loggedAfterStop],
  needs: ['lifecycle.1'],
  shownBy: 'id=$(box run -d sh -c "echo out; echo err >&2; sleep 100"); sleep 1; box logs $id',
  why: 'What a container writes that goes on by itself has to go somewhere. Its descriptors 1 and 2 must lead to a file, before the command starts; logs reads that file.',
  man: 'dup2(2)',
  holds(run) {
    for (const [each, word] of [
      [run, words.out],
      [run, words.err],
      [loggedAfterStop.run!, words.out],
    ] as const) {
      if (each.exitCode === 0 && each.stdout.split('\n').includes(word)) continue;
      return {
        expected: `"${word}", which the command has written to ${word === words.err ? 'stderr' : 'stdout'}${each === run ? '' : ', also when it has ended'}`,
        actual: each.exitCode === 0 ? 'it is not there' : showEnd(each),
        evidence: quote(each),
        seenIn: each,
      };
    }
    return undefined;
  },
});

check('lifecycle.3', 'its PID 1 hands signals on to the command, and no zombie stays', {
  of: startedPlain,
  and: [listedPlain],
  needs: ['lifecycle.1'],
  shownBy: `box run -d sh -c "sh -c \\"sleep 0.1 & exit 0\\"; exec sleep 100"; sleep 1; ps -eo pid,ppid,stat,args | grep sleep; pkill -TERM -n -x MainThread; sleep 1; box ps`,
  why: 'Whoever has lost its parent comes to PID 1 of its PID namespace, and stays a zombie until that one waits for it. And the kernel keeps signals from a PID 1 that does not ask for them. An ordinary command does neither; so the container gets an init, which starts the command.',
  man: 'pid_namespaces(7)',
  holds(run) {
    if (run.during === null) return { expected: 'a command that runs', actual: showEnd(run), evidence: quote(run) };
    const { processes } = run.during;
    if (afterwards.zombies.length > 0) {
      return {
        expected: 'that PID 1 takes note of the end of children which others have left to it',
        actual: `${afterwards.zombies.length === 1 ? 'one is' : `${afterwards.zombies.length} are`} still a zombie`,
        evidence: [...afterwards.zombies, ...processes.map((each) => `before that: ${shown(each)}`)],
      };
    }
    const expected = 'that a SIGTERM to PID 1 ends a command which does not catch it, and the container with it';
    if (lived.afterSignal) return { expected, actual: 'it still runs', evidence: processes.map(shown) };
    const line = listedAs(listedPlain.run!, plain);
    if (line === null || line.status === null || line.status === 143) return undefined;
    return {
      expected: 'status 143 of the container: its command was ended by SIGTERM',
      actual: `"${line.line.slice(0, 50)}"`,
      seenIn: listedPlain.run!,
    };
  },
});

check('lifecycle.4', 'ps lists each container: the one that runs, and the one that has ended with its status', {
  of: listed,
  and: [listedEnded],
  needs: ['lifecycle.1'],
  shownBy: 'box run -d sleep 100; box run -d sh -c "exit 3"; sleep 1; box ps',
  why: 'Two box.ts that are started one after the other know nothing of each other. What one has to tell the next must be in a file; and whoever waits for the container is the only one who learns its exit status.',
  man: 'waitpid(2)',
  holds(run) {
    const expected = 'a line with its id and "running", and status 0';
    const line = listedAs(run, main);
    if (line?.runs !== true || run.exitCode !== 0) {
      return {
        expected,
        actual: line === null || line.runs ? showEnd(run) : `"${line.line}"`,
        evidence: quote(run),
      };
    }
    const ended = listedEnded.run!;
    const other = listedAs(ended, ending);
    if (other?.status === status.end && !other.runs) return undefined;
    return {
      expected: `a line with its id and "exited (${status.end})" for a command that has ended with this status`,
      actual: other === null ? showEnd(ended) : `"${other.line.slice(0, 60)}"`,
      evidence: quote(ended),
      seenIn: ended,
    };
  },
});

const kinds = ['mnt', 'uts', 'pid', 'ipc', 'net', 'cgroup'];

/** Where two processes are in the first hierarchy of cgroups in which that is not the same; nothing of both where it is. */
function cgroupsThatDiffer(one: ProcessFacts, other: ProcessFacts): [string, string] {
  const names = Object.keys(other.cgroups).find((each) => one.cgroups[each] !== other.cgroups[each]);
  if (names === undefined) return ['', ''];
  const shownOf = ({ cgroups }: ProcessFacts): string => `${pathOnHost(cgroups[names]!)}${names && ` (${names})`}`;
  return [shownOf(one), shownOf(other)];
}

check('lifecycle.5', 'exec runs a command in it: in all of its namespaces and cgroups, and as its user', {
  of: entered,
  and: [started, enteredInVain],
  needs: ['lifecycle.4'],
  shownBy:
    'id=$(box run -d --user 1000 sleep 100); box exec $id sh -c "id; ps; hostname; cat /proc/self/cgroup; exit 3"; echo $?',
  why: 'A container is nothing that one could enter as a whole. Each of its namespaces is entered, its cgroups are joined, its user is taken; whatever is left out is the host’s. And the PID namespace holds for children only.',
  man: 'setns(2)',
  holds(run) {
    const expected = 'a command as the container’s own one: the same namespaces, cgroups, root, user';
    const command = run.during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: quote(run) };
    }
    const own = started.run!.during!.commands[0]!;
    const other = kinds.filter((kind) => command.namespaces[kind] !== own.namespaces[kind]);
    if (other.length > 0) {
      return {
        expected,
        actual: `not in its own are: ${other.join(', ')}`,
        evidence: other.map(
          (kind) => `/proc/…/ns/${kind}: ${command.namespaces[kind]}, and in the container ${own.namespaces[kind]}`,
        ),
      };
    }
    for (const [what, found, wanted] of [
      ['root', command.rootId, own.rootId],
      ['cgroup', ...cgroupsThatDiffer(command, own)],
      ['uid', command.uids.join(' '), own.uids.join(' ')],
      ['gid', command.gids.join(' '), own.gids.join(' ')],
      ['groups', command.groups.join(' '), own.groups.join(' ')],
      ['capabilities', String(command.capabilities), String(own.capabilities)],
      ['filter of system calls', String(command.seccomp), String(own.seccomp)],
    ] as const) {
      if (found === wanted) continue;
      return {
        expected,
        actual: `another ${what}`,
        evidence: [`${what} of the command: ${found || 'none'}`, `${what} of the container: ${wanted || 'none'}`],
      };
    }
    if (run.exitCode !== status.exec) {
      return { expected: `the command’s own exit status, ${status.exec}`, actual: showEnd(run), evidence: quote(run) };
    }
    const vain = enteredInVain.run!;
    if (vain.exitCode === 127) return undefined;
    return {
      expected: 'status 127 for a command that there is not',
      actual: showEnd(vain),
      evidence: quote(vain),
      seenIn: vain,
    };
  },
});

check('lifecycle.6', 'stop asks it by SIGTERM, waits for the time given, and only then kills it', {
  of: stopped,
  and: [stoppedStubborn, listedAfterStop, listedStubborn],
  needs: ['lifecycle.3', 'lifecycle.4'],
  shownBy: ({ scenario }) =>
    scenario === stoppedStubborn.scenario
      ? 'id=$(box run -d sh -c "trap \\"\\" TERM; sleep 100 & wait; wait"); sleep 1; box stop --grace 1 $id; box ps'
      : 'id=$(box run -d sh -c "trap \\"echo bye; exit 3\\" TERM; sleep 100 & wait"); sleep 1; box stop $id; box logs $id; box ps',
  why: 'A program that is told to end can save what it has. So it is asked first, by SIGTERM to PID 1; and only if it is still there after a time, it is killed. When stop comes back, the container has ended, and ps knows how.',
  man: 'pidfd_open(2)',
  holds(run) {
    for (const [each, stillLives, does] of [
      [run, lived.afterStop, 'catches'],
      [stoppedStubborn.run!, lived.afterStopOfStubborn, 'ignores'],
    ] as const) {
      if (each.exitCode === 0 && !stillLives) continue;
      return {
        expected: `of a container that ${does} SIGTERM: stop ends with status 0, and no process of it is left then`,
        actual: each.exitCode === 0 ? 'it still runs' : `of stop: ${showEnd(each)}`,
        evidence: quote(each),
        seenIn: each,
      };
    }
    const asked = listedAs(listedAfterStop.run!, main);
    if (asked?.status !== status.term || asked.runs) {
      return {
        expected: `"exited (${status.term})": the command catches SIGTERM, and ends with this status`,
        actual: asked === null ? 'ps does not list it' : `"${asked.line.slice(0, 50)}"`,
        evidence: [...quote(run), ...quote(listedAfterStop.run!)],
      };
    }
    const killed = listedAs(listedStubborn.run!, stubborn);
    if (killed !== null && killed.status === 137) return undefined;
    return {
      expected: '"exited (137)" for one that had to be killed',
      actual: killed === null ? 'ps does not list it' : `"${killed.line.slice(0, 50)}"`,
      evidence: quote(listedStubborn.run!),
      seenIn: listedStubborn.run!,
    };
  },
});

/** What `ps` says that is not so, of a container that was started in another run. */
function lie({ run: start }: PlannedRun, run: Run, of: Detached, alive: boolean, after: string): Finding | undefined {
  if (start!.during === null) {
    return { expected: 'a container that goes on', actual: showEnd(start!), evidence: quote(start!), seenIn: start! };
  }
  const line = listedAs(run, of);
  const expected = `that ps lists the container and tells the truth about it ${after}`;
  if (line === null) return { expected, actual: showEnd(run), evidence: quote(run), seenIn: run };
  if (line.runs !== alive) {
    return {
      expected,
      actual: line.runs ? 'it says "running", and no process of it is left' : 'it runs, and ps does not say so',
      evidence: quote(run),
      seenIn: run,
    };
  }
  if (alive || line.status !== 0) return undefined;
  return {
    expected,
    actual: 'it says "exited (0)", which nobody can know',
    evidence: quote(run),
    seenIn: run,
  };
}

check('lifecycle.7', 'after a kill -9 nobody lies, and nobody takes a stranger for the container', {
  of: listedOrphan,
  and: [startedVictim, listedStranger, enteredStranger, stoppedStranger],
  needs: ['lifecycle.4', 'lifecycle.5', 'lifecycle.6'],
  shownBy: 'box run -d sleep 100; pkill -KILL -o -x MainThread; sleep 1; box ps',
  why: 'What is written in a file was true when it was written. Who has been killed since has written nothing; and the pid that stands there may be another process’s by now. Only a pid together with the time at which its process started is a name for good.',
  man: 'proc_pid_stat(5)',
  holds(run) {
    const orphan = lie(startedVictim, run, victim, lived.withoutKeeper, 'after a kill -9 of the box.ts that stayed');
    if (orphan !== undefined) return orphan;
    const stranger = lie(startedVictim, listedStranger.run!, victim, false, 'when another process has its pid');
    if (stranger !== undefined) return stranger;
    const expected = 'that exec and stop refuse a container that is gone, when another process has its pid';
    const ran = enteredStranger.run!;
    if (ran.exitCode === 0 || ran.stdout.includes('it ran')) {
      return { expected, actual: 'exec ran the command, in another process’s namespaces', seenIn: ran };
    }
    if (!afterwards.strangersLive) {
      return {
        expected,
        actual: 'stop has ended the other process',
        evidence: quote(stoppedStranger.run!),
        seenIn: stoppedStranger.run!,
      };
    }
    return undefined;
  },
});

check('lifecycle.8', 'after a restart of the machine nothing of it counts as running', {
  of: listedAfterRestart,
  and: [startedRebooted],
  needs: ['lifecycle.7'],
  shownBy:
    'box run -d sleep 100; cat /proc/sys/kernel/random/uuid > /run/id; mount --bind /run/id /proc/sys/kernel/random/boot_id; box ps',
  why: 'With a restart, pids and the clock ticks since it begin anew, and a machine that starts the same services in the same order comes to the same numbers. A name for good needs the boot id as well.',
  man: 'random(4)',
  holds(run) {
    return lie(
      startedRebooted,
      run,
      rebooted,
      false,
      'after a restart, when another process has its pid and its start time',
    );
  },
});

check('lifecycle.9', 'what is known of it is not lost where nothing more can be written', {
  of: listedUnwritten,
  and: [startedUnwritable],
  needs: ['lifecycle.7'],
  shownBy:
    'box run -d sleep 100; prlimit --fsize=0 --pid $(pgrep -o -x MainThread); pkill -KILL -x sleep; sleep 1; box ps',
  why: 'A file that is opened to be written anew is empty at first. Who is killed at this moment, or finds the disk full, leaves it so. What must not be lost is written under another name, and then takes the old one’s place in one step.',
  man: 'rename(2)',
  holds(run) {
    return lie(
      startedUnwritable,
      run,
      unwritable,
      lived.whenUnwritable,
      'when box.ts could write nothing at its end (a limit of 0 on the length of files)',
    );
  },
});

check('lifecycle.10', 'rm removes all of a container that has ended, and none that runs', {
  of: removed,
  and: [removedTooEarly, removedLost, listedAfterRm],
  needs: ['lifecycle.6', 'lifecycle.7'],
  shownBy: ({ scenario }) =>
    scenario === removedLost.scenario
      ? 'id=$(box run -d sleep 100); pkill -KILL -o -x MainThread; sleep 1; box rm $id; find /sys/fs/cgroup -name $id'
      : 'id=$(box run -d sleep 100); box rm $id; box stop --grace 0 $id; box rm $id; box ps; find / -name $id',
  why: 'A container stays when it has ended: its files, its log, its exit status. Whoever wants it away says so. And where a box.ts was killed, its cgroups are still there, which nobody else will remove.',
  man: 'cgroups(7)',
  holds(run) {
    const early = removedTooEarly.run!;
    const kept = afterwards.leftByEarlyRm.some((left) => left.startsWith('directory'));
    if (early.exitCode === 0 || !lived.afterEarlyRm || !kept) {
      return {
        expected: 'that rm refuses one that runs, with a status that is not 0, and takes nothing from it',
        actual: kept ? `${lived.afterEarlyRm ? '' : 'it has ended, and '}${showEnd(early)}` : 'its directory is gone',
        evidence: quote(early),
        seenIn: early,
      };
    }
    for (const [each, left, of] of [
      [run, afterwards.leftByRm, main],
      [removedLost.run!, afterwards.leftOfLost, victim],
    ] as const) {
      if (each.exitCode === 0 && left.length === 0) continue;
      return {
        expected: `status 0, and nothing left of ${of === main ? 'it' : 'one whose box.ts was killed'}`,
        actual: each.exitCode === 0 ? `${left[0]} is still there` : showEnd(each),
        evidence: [...left, ...quote(each)],
        seenIn: each,
      };
    }
    if (listedAs(listedAfterRm.run!, main) === null) return undefined;
    return { expected: 'that ps does not list it any more', actual: 'it does', evidence: quote(listedAfterRm.run!) };
  },
});

check('lifecycle.11', '-v shows a folder or file of the host in it, with :ro to be read only', {
  of: withVolumes,
  and: [throughLink],
  why: 'A bind mount shows a directory at a second place. It has to be made while the host’s files can still be seen, at a place that is meant as the container sees it; and whether it can be written is decided by a second call.',
  man: 'mount(2)',
  holds(run) {
    const expected = 'the host’s files at the places asked for';
    if (said(run, 'mounts') === null) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    for (const probe of ['read', 'read frozen', 'read file']) {
      if (said(run, probe) !== shared.text) {
        return { expected, actual: `${probe}: ${said(run, probe)}`, evidence: showStderr(run) };
      }
    }
    if (said(run, 'write') !== 'written' || !afterwards.inFolder.includes(made)) {
      return {
        expected: 'that what it writes there is on the host',
        actual: `${said(run, 'write')}; on the host: ${afterwards.inFolder || 'nothing'}`,
      };
    }
    const frozen = ['write frozen', 'write file'].find((probe) => said(run, probe) === 'written');
    if (frozen !== undefined || afterwards.inFolder.includes('changed')) {
      return {
        expected: 'that nothing can be written where :ro was asked for',
        actual: `${frozen === 'write file' ? '/etc/one-file' : '/frozen'} could be written`,
        evidence: [...(said(run, 'mounts') ?? '').matchAll(/ (\/frozen|\/etc\/one-file) \S+ (r[ow])\b/g)].map(
          ([, place, mode]) => `/proc/mounts: ${place} is mounted ${mode}`,
        ),
      };
    }
    const link = throughLink.run!;
    const after = [run, link].flatMap(({ before, after: behind }) =>
      behind.mounts.filter(({ mountPoint }) => !before.mounts.some((mount) => mount.mountPoint === mountPoint)),
    );
    if (after.length > 0) {
      return { expected: 'the host’s mounts as they were', actual: `there is one more, on ${after[0]!.mountPoint}` };
    }
    if (!afterwards.madeOnHost) return undefined;
    return {
      expected: 'that a link on the way, which says /tmp, leads to the container’s /tmp',
      actual: `/tmp/${inTmp} was made on the host`,
      seenIn: link,
    };
  },
});

check('lifecycle.12', '-t gives it a terminal of its own devpts, of the right size; afterwards ours is as before', {
  of: onTerminal,
  why: 'Programs ask what they are connected with. A terminal is made in the container, in its devpts, and box.ts stands between the two: it hands on each key as it is, so its own terminal has to be raw for that time, and tells the inner one each new size.',
  man: 'pty(7)',
  holds(run) {
    const expected = `/dev/pts/0 in the container, of ${sizeOf(size)}`;
    const found = /tty=(.*?) size=(.*?)\r?$/m.exec(run.stdout);
    if (found === null) return { expected, actual: showEnd(run), evidence: quote(run) };
    const [, tty, its] = found;
    if (!/^\/dev\/pts\/\d+$/.test(tty!) || !/\b\d+\b/.test(said(run, 'pts') ?? '')) {
      return {
        expected,
        actual: `tty says: ${tty}`,
        evidence: [`in its /dev/pts: ${said(run, 'pts')}`, ...quote(run)],
      };
    }
    if (its !== sizeOf(size)) return { expected, actual: `its size is ${its}` };
    const grown = /later=(.*?)\r?$/m.exec(run.stdout)?.[1];
    if (grown !== sizeOf(later)) {
      return { expected: `${sizeOf(later)}, when the outer one has got this size`, actual: `it is ${grown}` };
    }
    if (run.exitCode !== status.exec) {
      return { expected: `the command’s own exit status, ${status.exec}`, actual: showEnd(run), evidence: quote(run) };
    }
    const settings = [...run.stdout.matchAll(/^terminal: (\S+)/gm)].map(([, text]) => text);
    if (settings.length === 2 && settings[0] === settings[1]) return undefined;
    return {
      expected: 'that our own terminal has the settings that it had',
      actual: 'it has others',
      evidence: settings.map((text, index) => `stty -g ${index === 0 ? 'before' : 'afterwards'}: ${text}`),
    };
  },
});
