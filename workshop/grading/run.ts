// One run of a box.ts in a testbed, and the evidence of it: gathered once, from outside, while the command holds
// still and after the program has ended.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { TraceLine } from '../../linux/trace.ts';
import { dataDirectory } from '../paths.ts';
import { type Cgroup, cgroupsOn, directoriesBesideHierarchies } from './cgroups.ts';
import { type CpuTime, enoughOf } from './cpu-time.ts';
import { filesBelow, type FoundFile, namesIn, readTree, type Tree } from './files.ts';
import { hostnameOf } from './hostname.ts';
import { type Inside, lookInside, loopback, optionOf } from './inside.ts';
import { type NetworkFacts, networkOf, networkAtRest, type OwnNetwork, ownNetwork, prepareNetwork } from './network.ts';
import {
  argumentsOf,
  childrenOf,
  cpuTimeOf,
  fileId,
  isNode,
  type Mount,
  mountsOf,
  namespacesOf,
  type ProcessFacts,
  bytesWrittenBy,
  processFacts,
  isAlive,
  isAtRest,
  SYS_wait4,
} from './processes.ts';
import { askedForRootOn, type OrdinaryUser, settle } from './ordinary-user.ts';
import { type Patience, patienceWith } from './patience.ts';
import type { Scenario } from './scenario.ts';
import { programEnvironment } from './program-environment.ts';
import { programCommand } from './student-program.ts';
import { openTestbed, systemPath, type Testbed } from './testbed.ts';
import { parseTrace } from './trace-lines.ts';
import { type UserNamespace, userNamespaceOf } from './user-namespace.ts';

/** What there was to see while the command held still. */
export type Snapshot = {
  /** All processes of the run, the runtime among them. */
  processes: ProcessFacts[];
  /** The process of box.ts; null where it has ended. */
  runtime: ProcessFacts | null;
  /** Bytes that box.ts has written by then, to whatever. */
  written: number;
  /** The processes that run the command: one, if all is well. */
  commands: ProcessFacts[];
  /** What the first of them finds around it; null where there is none. */
  inside: Inside | null;
  /** The hostname that it sees. */
  hostname: string;
  /** The user namespace that it is in. */
  userNamespace: UserNamespace | null;
  /** Where its root is an overlay: the layer below, which is the image. */
  image: Tree | null;
  /** Its network, where the scenario is about networks. */
  network: OwnNetwork | null;
  /** All that lies in the folder of containers. */
  containers: FoundFile[];
  host: HostFacts;
};

/** The host at one moment. */
export type HostFacts = {
  mounts: Mount[];
  hostname: string;
  /** The namespaces of its first process, by kind: `uts` → `uts:[4026531838]`. */
  namespaces: Record<string, string>;
  /** Its `/`, as `device:inode`. */
  rootId: string;
  /** Its devpts, by number. */
  devptsDevice: string;
  /** The cgroups that programs have made on it. */
  cgroups: Cgroup[];
  /** The loopback interface in its /sys, as `device:inode`. */
  loopbackId: string;
  /** v1: directories where one may look for cgroups, and which are none. */
  noCgroups: string[];
  /** Its network, where the scenario is about networks. */
  network: NetworkFacts | null;
};

/** All that is known of one run. */
export type Run = {
  scenario: Scenario;
  /** The box.ts that ran. */
  file: string;
  /** Who started it; null for root. */
  user: OrdinaryUser | null;
  /** Calls of `sudo` and its like, which come to nothing where an ordinary user starts it. */
  askedForRoot: string[];
  /** Its exit status; null where a signal ended it. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  /** What the program and its command wrote; cut at 256 KiB. */
  stdout: string;
  stderr: string;
  /** The system calls that it made. They explain; no verdict rests on them alone, for the program could forge them. */
  trace: TraceLine[];
  /** The number of the session that it was started in. */
  session: number;
  /** Whether something of it still held its stdout or stderr open when box.ts had ended; of one that stays. */
  holdsOutput: boolean;
  /** null where the command never held still. */
  during: Snapshot | null;
  /** CPU time in milliseconds, where it was measured: of this run's processes, and of those that were there before. */
  cpuTime: CpuTime | null;
  /** Processes of this run that were still there when box.ts had ended. */
  left: ProcessFacts[];
  before: HostFacts;
  after: HostFacts;
  /** Files of the host that were changed, and all that is new in the folders of containers and of images. */
  changedFiles: string[];
  containers: FoundFile[];
  images: FoundFile[];
  /** The layer below the overlay at the end. */
  imageAfter: Tree | null;
  /** cgroups that this run made and left, by their paths on the host. */
  cgroups: string[];
};

/** Seconds of doing nothing (or half as many of computing) after which a run is ended, as a rule. */
const USUAL_LIMIT = 10;
/** The same on this machine: BOXWRIGHT_TIME_LIMIT is for emulated ones. */
const TIME_LIMIT = Number(process.env['BOXWRIGHT_TIME_LIMIT'] ?? USUAL_LIMIT);
/** How many times as long as usual everything may take here. */
const SLOWNESS = TIME_LIMIT / USUAL_LIMIT;
/** Seconds of doing nothing after which it is clear that the kernel has no reason to end a process. */
const END_LIMIT = SLOWNESS;
/** Bytes. */
const OUTPUT_LIMIT = 256 * 1024;

/** Runs `file`, a box.ts, in a testbed of its own and gathers the evidence. */
export async function runInTestbed(file: string, scenario: Scenario): Promise<Run> {
  await using testbed = await openTestbed([file]);
  return await runOn(testbed, file, scenario);
}

/**
 * Runs `file`, a box.ts, in a testbed and gathers the evidence of this run.
 *
 * @param options.keep is given the evidence of the run that takes place meanwhile, if there is one
 * @param options.limit seconds, in place of the usual limit
 * @param options.idleLimit seconds of doing nothing, where fewer of these are enough
 */
export async function runOn(
  testbed: Testbed,
  file: string,
  scenario: Scenario,
  {
    keep,
    limit = (scenario.limit ?? USUAL_LIMIT) * SLOWNESS,
    idleLimit = limit,
  }: { keep?: (run: Run) => void; limit?: number; idleLimit?: number } = {},
): Promise<Run> {
  for (const [name, { text, mode }] of Object.entries(scenario.files ?? {})) testbed.writeFile(name, text, mode);
  if (scenario.network !== undefined) await prepareNetwork(testbed, scenario.network);
  await scenario.first?.(testbed);
  const others = new Set(testbed.pids());
  const known = filesOf(testbed);
  const before = hostFacts(testbed, scenario);
  const knownCgroups = new Set(before.cgroups.map((cgroup) => cgroup.path));
  const user = scenario.startedBy?.(file) ?? null;
  const become = user === null ? startedWith(scenario) : settle(testbed, file, user, scenario.groups);
  const asked = scenario.words?.() ?? ['run', ...(scenario.limits ?? []), ...scenario.args];
  const words = [...become, ...onTerminal(scenario, programCommand(file, asked))];
  const surroundings = {
    cwd: path.dirname(file),
    env: {
      ...programEnvironment(),
      PATH: [...(scenario.path ?? []), systemPath].join(':'),
      TERM: 'dumb',
      BOXWRIGHT_TRACE: '3',
    },
    oneCpu: scenario.oneCpu ?? false,
  };
  const program = testbed.start(words, { ...surroundings, trace: true });
  const crowd = crowdOf(
    Array.from({ length: scenario.crowd ?? 0 }, () => testbed.start(words, surroundings)),
    scenario.holdWord ?? '',
  );
  const end = once(program, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const output = {
    stdout: kept(program.stdout!),
    stderr: kept(program.stderr!),
    trace: kept(program.stdio[3] as Readable),
  };
  program.stdin!.on('error', () => {});

  const patience = patienceWith(testbed, others, limit, idleLimit);
  let during: Snapshot | null = null;
  let ended: [number | null, NodeJS.Signals | null] | null = null;
  if (scenario.holdWord !== undefined) {
    const held = output.stdout.contains(scenario.holdWord);
    const after = end.then(() => heldAfterEnd(testbed, others, held));
    if (await patience.wait(Promise.race([held, after]))) {
      await patience.wait(crowd.held);
      during = await lookAt(testbed, program, scenario, others);
    }
  }
  if (scenario.staysWith !== undefined) {
    const watching = new AbortController();
    const steady = waitFor(() => isSteady(testbed, others, scenario.staysWith!), watching.signal);
    await patience.wait(Promise.race([steady, end]));
    ended = await patience.wait(end);
    if (ended === null || ended[0] === 0) await patience.wait(steady);
    watching.abort();
    if (isSteady(testbed, others, scenario.staysWith)) {
      // What has been traced is what they have done by then.
      const resting = patienceWith(testbed, others, END_LIMIT);
      await resting.wait(waitFor(() => isQuiet(testbed, others) || resting.over));
      during = await lookAt(testbed, program, scenario, others);
    }
  }
  if (during !== null && typeof scenario.meanwhile === 'function') await scenario.meanwhile(testbed, during);
  if (during !== null && typeof scenario.meanwhile === 'object') {
    const inner = await runOn(testbed, file, scenario.meanwhile, { limit, idleLimit });
    known.containers.push(...inner.containers);
    known.images.push(...inner.images);
    inner.cgroups.forEach((cgroup) => knownCgroups.add(cgroup));
    keep?.(inner);
  }
  const cpuTime =
    during !== null && scenario.meanwhile === 'measure-cpu'
      ? await measureCpu(testbed, others, enoughOf(scenario.cpuRatio ?? null), patience)
      : null;
  if (during !== null && scenario.meanwhile === 'kill-command') during.commands.forEach(({ pid }) => kill(pid));
  if (during?.runtime != null && scenario.meanwhile === 'kill-runtime') {
    kill(during.runtime.pid);
    ended = await patience.wait(end);
    await gone(
      during.processes.map(({ pid }) => pid),
      patienceWith(testbed, others, END_LIMIT),
    );
  } else {
    program.stdin!.end('\n');
    crowd.goOn();
    ended = await patience.wait(end);
    await patience.wait(crowd.end);
    // Somebody on the host has killed it, and may be at it still.
    if (ended !== null && ended[1] !== null) {
      const pids = newProcesses(testbed, others).map(({ pid }) => pid);
      await gone(pids, patienceWith(testbed, others, END_LIMIT));
    }
  }
  const stays = during !== null && ended !== null && scenario.staysWith !== undefined;
  const closed = Promise.all([output.stdout.end, output.stderr.end]);
  const holdsOutput = stays && (await patienceWith(testbed, others, END_LIMIT).wait(closed)) === null;
  await scenario.last?.(testbed);
  const left = stays ? [] : newProcesses(testbed, others);
  if (before.network !== null) await networkAtRest(testbed, before.network);
  const after = hostFacts(testbed, scenario);
  const evidence = {
    after,
    changedFiles: testbed.changedFiles(),
    askedForRoot: user === null ? [] : askedForRootOn(testbed),
    ...newFiles(filesOf(testbed), known),
    imageAfter: imageOf(testbed, during?.commands[0], before),
    // On v1 the same path in each hierarchy.
    cgroups: stays
      ? []
      : [...new Set(after.cgroups.map((cgroup) => cgroup.path))].filter((cgroup) => !knownCgroups.has(cgroup)),
  };
  program.stdin!.end();
  if (!stays) await endAll(testbed, others);
  if (testbed.wasEndedFromOutside()) throw new Error('the testbed was ended by somebody outside it');
  await Promise.all(stays ? [end] : [end, output.stdout.end, output.stderr.end, output.trace.end]);
  const [exitCode, signal] = ended ?? [null, null];
  return {
    scenario,
    file,
    user,
    exitCode,
    signal,
    timedOut: ended === null,
    stdout: output.stdout.text(),
    stderr: output.stderr.text(),
    trace: parseTrace(output.trace.text()),
    session: program.pid!,
    holdsOutput,
    during,
    cpuTime,
    // Without a program file it is about to end: only the kernel has not finished with it.
    left: left.filter(({ state, exe }) => ended === null || (state !== 'Z' && exe !== '')),
    before,
    ...evidence,
  };
}

/** Words that start a program on a terminal of its own, and print the terminal's settings before and behind. */
function onTerminal({ terminal }: Scenario, command: string[]): string[] {
  if (terminal === undefined) return command;
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const settings = 'echo "terminal: $(stty -g)"';
  const script = `stty rows ${terminal.rows} cols ${terminal.columns}\n${settings}\n${quoted}\nstatus=$?\n${settings}\nexit $status`;
  return ['script', '--quiet', '--return', '--command', script, '/dev/null'];
}

/** Waits until it is so, or nobody wants to know it any more. */
async function waitFor(isSo: () => boolean, signal?: AbortSignal): Promise<void> {
  while (signal?.aborted !== true && !isSo()) await delay(10);
}

/** Whether a program is there whose last argument is this. */
function isSteady(testbed: Testbed, others: ReadonlySet<number>, word: string): boolean {
  return testbed.pids().some((pid) => !others.has(pid) && argumentsOf(pid).at(-1) === word);
}

/** Whether nothing happens in a run any more. */
function isQuiet(testbed: Testbed, others: ReadonlySet<number>): boolean {
  return testbed.pids().every((pid) => others.has(pid) || isAtRest(pid));
}

/** Whether a command comes to hold still that box.ts has not waited for: it goes on by itself, as long as it lives. */
async function heldAfterEnd(testbed: Testbed, others: ReadonlySet<number>, held: Promise<true>): Promise<boolean> {
  const patience = patienceWith(testbed, others, END_LIMIT);
  const isLive = (): boolean => testbed.pids().some((pid) => !others.has(pid) && isAlive(pid));
  while (isLive() && !patience.over) {
    const now = await patience.wait(Promise.race([held, delay(200)]));
    if (now === true) return true;
  }
  // What it wrote last may still be on its way to us.
  return Promise.race([held, delay(0, false)]);
}

/** The others of a crowd. */
function crowdOf(
  programs: readonly ChildProcess[],
  holdWord: string,
): {
  /** Resolves when each of them holds still, or has ended. */
  held: Promise<unknown>;
  goOn(): void;
  end: Promise<unknown>;
} {
  const members = programs.map((program) => {
    program.stdin!.on('error', () => {});
    program.stderr!.resume();
    const end = once(program, 'exit');
    return { program, end, held: Promise.race([kept(program.stdout!).contains(holdWord), end]) };
  });
  return {
    held: Promise.all(members.map(({ held }) => held)),
    goOn: () => members.forEach(({ program }) => program.stdin!.end('\n')),
    end: Promise.all(members.map(({ end }) => end)),
  };
}

/** What gives a program the umask, the groups and the capabilities that it is to be started with. See setpriv(1). */
function startedWith({ umask, groups, inherits }: Scenario): string[] {
  const added = inherits?.map((name) => `+${name}`).join(',');
  return [
    ...(umask === undefined ? [] : ['sh', '-c', `umask ${umask} && exec "$@"`, 'sh']),
    ...(groups === undefined ? [] : ['setpriv', '--groups', groups.join(','), '--']),
    ...(added === undefined ? [] : ['setpriv', `--inh-caps=${added}`, `--ambient-caps=${added}`, '--']),
  ];
}

/** Looks at everything of this run, once the program has come to rest: waiting, or ended. */
async function lookAt(
  testbed: Testbed,
  program: ChildProcess,
  scenario: Scenario,
  others: ReadonlySet<number>,
): Promise<Snapshot> {
  const runtimePid = childrenOf(program.pid!)[0];
  const limit = AbortSignal.timeout(TIME_LIMIT * 1000);
  let restedFor = 0;
  while (!limit.aborted && runtimePid !== undefined && program.exitCode === null && program.signalCode === null) {
    const runtime = processFacts(runtimePid);
    if (runtime === null || runtime.state === 'Z' || runtime.sleepsIn === SYS_wait4) break;
    // The runtime became the command itself, or sleeps in some other way: nothing more will happen.
    restedFor = runtime.sleepsIn === null ? 0 : restedFor + 1;
    if (restedFor >= 50) break;
    await delay(2);
  }
  const processes = newProcesses(testbed, others);
  const commands = processes.filter(
    ({ argv, exe }) =>
      !isNode(exe) && argv.some((argument) => argument.includes((scenario.holdWord ?? scenario.staysWith)!)),
  );
  const command = commands[0];
  const host = hostFacts(testbed, scenario);
  const runtime = processes.find(({ pid, state }) => pid === runtimePid && state !== 'Z') ?? null;
  return {
    processes,
    runtime,
    written: runtime === null ? 0 : bytesWrittenBy(runtime.pid),
    commands,
    inside: command === undefined ? null : lookInside(command),
    hostname: command === undefined ? '' : hostnameOf(command.pid),
    userNamespace: command === undefined ? null : userNamespaceOf(command.pid),
    image: imageOf(testbed, command, host),
    network: command === undefined || scenario.network === undefined ? null : ownNetwork(testbed, command.pid),
    containers: filesBelow(testbed.containersFolder),
    host,
  };
}

function hostFacts(testbed: Testbed, scenario: Scenario): HostFacts {
  const mounts = mountsOf(testbed.initPid);
  return {
    mounts,
    hostname: hostnameOf(testbed.initPid),
    namespaces: namespacesOf(testbed.initPid),
    rootId: fileId(onHost(testbed, '/')),
    devptsDevice: fileId(onHost(testbed, '/dev/pts')).split(':')[0]!,
    cgroups: cgroupsOn(testbed),
    loopbackId: fileId(onHost(testbed, loopback)),
    noCgroups: directoriesBesideHierarchies(testbed, mounts),
    network: scenario.network === undefined ? null : networkOf(testbed.initPid),
  };
}

/** The processes of the testbed that are not among `others`. */
function newProcesses(testbed: Testbed, others: ReadonlySet<number>): ProcessFacts[] {
  return testbed
    .pids()
    .filter((pid) => !others.has(pid))
    .map(processFacts)
    .filter((facts) => facts !== null);
}

/** Waits until the processes of the testbed have used enough CPU time, and says who used how much of it. */
async function measureCpu(
  testbed: Testbed,
  others: ReadonlySet<number>,
  isEnough: (time: CpuTime) => boolean,
  patience: Patience,
): Promise<CpuTime> {
  const used = (): CpuTime => {
    const pids = testbed.pids();
    const sum = (of: readonly number[]): number => of.reduce((total, pid) => total + cpuTimeOf(pid), 0);
    return { own: sum(pids.filter((pid) => !others.has(pid))), others: sum(pids.filter((pid) => others.has(pid))) };
  };
  const start = used();
  const soFar = (): CpuTime => {
    const now = used();
    return { own: now.own - start.own, others: now.others - start.others };
  };
  let time = soFar();
  const enough = async (): Promise<void> => {
    for (; !isEnough(time) && !patience.over; time = soFar()) await delay(10);
  };
  await patience.wait(enough());
  return time;
}

/** The lowest layer of the overlay that is the command's root; null where its root is none, or the host's. */
function imageOf(testbed: Testbed, command: ProcessFacts | undefined, host: HostFacts): Tree | null {
  if (command === undefined || command.rootId === host.rootId) return null;
  const root = command.mounts.findLast(({ mountPoint }) => mountPoint === '/');
  const lowest = root?.type === 'overlay' ? optionOf(root, 'lowerdir')?.split(':').at(-1) : undefined;
  if (lowest === undefined) return null;
  // A layer may be named from a directory that the program stood in: of a container, which may be gone, or of all images.
  const containers = [...namesIn(testbed.containersFolder), 'gone'].map((name) => path.join('containers', name));
  const folders = [...containers, 'images'];
  const places = folders.map((folder) => onHost(testbed, path.resolve(dataDirectory(), folder, lowest)));
  return readTree(places.find((place) => fs.existsSync(place)) ?? onHost(testbed, lowest));
}

type HostFiles = Record<'containers' | 'images', FoundFile[]>;

function filesOf(testbed: Testbed): HostFiles {
  return { containers: filesBelow(testbed.containersFolder), images: filesBelow(testbed.imagesFolder) };
}

/** What has come since: a file that is known by name and inode is no new one. */
function newFiles(now: HostFiles, known: HostFiles): HostFiles {
  const added = (kind: keyof HostFiles): FoundFile[] => {
    const old = new Set(known[kind].map((file) => `${file.inode} ${file.path}`));
    return now[kind].filter((file) => !old.has(`${file.inode} ${file.path}`));
  };
  return { containers: added('containers'), images: added('images') };
}

/** Waits until the kernel has ended these processes; not for ever, for it may never have been told to. */
async function gone(pids: readonly number[], patience: Patience): Promise<void> {
  const live = (): boolean => pids.some(isAlive);
  // At once, as a rule; after that, only for as long as they could have gone on and did not.
  for (let look = 0; look < 20 && live(); look += 1) await delay(2);
  while (live() && !patience.over) await patience.wait(delay(200));
}

/** Ends what is left of a run. */
async function endAll(testbed: Testbed, others: ReadonlySet<number>): Promise<void> {
  const limit = AbortSignal.timeout(TIME_LIMIT * 1000);
  for (;;) {
    const left = testbed.pids().filter((pid) => !others.has(pid));
    if (left.length === 0 || limit.aborted) return;
    left.forEach(kill);
    await delay(2);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A path of the testbed's host, as we can open it, also where the program has mounted something over it. */
function onHost(testbed: Testbed, name: string): string {
  for (const [folder, opened] of [
    ['containers', testbed.containersFolder],
    ['images', testbed.imagesFolder],
  ] as const) {
    const top = path.join(dataDirectory(), folder) + path.sep;
    if (name.startsWith(top)) return path.join(opened, name.slice(top.length));
  }
  return `/proc/${testbed.initPid}/root${name}`;
}

/** Keeps what a program writes, up to a limit, and goes on reading beyond it so that the program does not hang. */
function kept(stream: Readable): { text(): string; contains(word: string): Promise<true>; end: Promise<void> } {
  const chunks: Buffer[] = [];
  let size = 0;
  const watchers = new Set<() => void>();
  stream.on('data', (chunk: Buffer) => {
    if (size < OUTPUT_LIMIT) chunks.push(chunk.subarray(0, OUTPUT_LIMIT - size));
    size += chunk.length;
    for (const watcher of watchers) watcher();
  });
  const end = new Promise<void>((resolve) => stream.once('close', resolve).once('error', () => resolve()));
  const text = (): string => Buffer.concat(chunks).toString('utf8');
  return {
    text,
    end,
    contains(word) {
      return new Promise((resolve) => {
        const watcher = (): void => {
          // On a terminal a line ends in two characters.
          if (!new RegExp(`${word}\r?\n`).test(text())) return;
          watchers.delete(watcher);
          resolve(true);
        };
        watchers.add(watcher);
      });
    },
  };
}
