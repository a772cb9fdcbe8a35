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
import { compileCache } from './compile-cache.ts';
import { filesBelow, type FoundFile, readTree, type Tree } from './files.ts';
import { type Inside, lookInside, optionOf } from './inside.ts';
import { childrenOf, fileId, type Mount, mountsOf, type ProcessFacts, processFacts, SYS_wait4 } from './processes.ts';
import type { Scenario } from './scenario.ts';
import { programCommand } from './student-program.ts';
import { openTestbed, systemPath, type Testbed } from './testbed.ts';

/** What there was to see while the command held still. */
export type Snapshot = {
  /** All processes of the run, the runtime among them. */
  processes: ProcessFacts[];
  /** The process of box.ts; null where it has ended. */
  runtime: ProcessFacts | null;
  /** The processes that run the command: one, if all is well. */
  commands: ProcessFacts[];
  /** What the first of them finds around it; null where there is none. */
  inside: Inside | null;
  /** The hostname that it sees. */
  hostname: string;
  /** Where its root is an overlay: the layer below, which is the image. */
  image: Tree | null;
  host: HostFacts;
};

/** The host at one moment. */
export type HostFacts = {
  mounts: Mount[];
  hostname: string;
  /** Its `/`, as `device:inode`. */
  rootId: string;
  /** Its devpts, by number. */
  devptsDevice: string;
  /** Its mount namespace: `mnt:[4026531841]`. */
  mountNamespace: string;
};

/** All that is known of one run. */
export type Run = {
  scenario: Scenario;
  /** The box.ts that ran. */
  file: string;
  /** Its exit status; null where a signal ended it. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  /** What the program and its command wrote; cut at 256 KiB. */
  stdout: string;
  stderr: string;
  /** The system calls that it made. They explain; no verdict rests on them alone, for the program could forge them. */
  trace: TraceLine[];
  /** null where the command never held still. */
  during: Snapshot | null;
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
  /** cgroups that were left. */
  cgroups: string[];
};

/** Seconds after which a run is ended. */
const TIME_LIMIT = 10;
/** Seconds in which the kernel has surely ended a process that it is to end. */
const END_LIMIT = 5;
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
 * @param meanwhile is given the evidence of the run that takes place meanwhile, if there is one
 */
export async function runOn(
  testbed: Testbed,
  file: string,
  scenario: Scenario,
  meanwhile: (run: Run) => void = () => {},
): Promise<Run> {
  for (const [name, { text, mode }] of Object.entries(scenario.files ?? {})) testbed.writeFile(name, text, mode);
  const others = new Set(testbed.pids());
  const known = filesOf(testbed);
  const before = await hostFacts(testbed);
  const program = testbed.start(programCommand(file, ['run', ...scenario.args]), {
    cwd: path.dirname(file),
    env: {
      PATH: [...(scenario.path ?? []), systemPath].join(':'),
      HOME: '/root',
      TERM: 'dumb',
      BOXWRIGHT_HOME: dataDirectory(),
      BOXWRIGHT_TRACE: '3',
      NODE_COMPILE_CACHE: compileCache(),
    },
    trace: true,
  });
  const end = once(program, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const output = {
    stdout: keep(program.stdout!),
    stderr: keep(program.stderr!),
    trace: keep(program.stdio[3] as Readable),
  };
  program.stdin!.on('error', () => {});

  const limit = AbortSignal.timeout(TIME_LIMIT * 1000);
  const timeout = new Promise<null>((resolve) => limit.addEventListener('abort', () => resolve(null)));
  let during: Snapshot | null = null;
  let ended: [number | null, NodeJS.Signals | null] | null = null;
  if (scenario.holdWord !== undefined) {
    const held = output.stdout.contains(scenario.holdWord);
    if (await Promise.race([held, timeout, end.then(() => output.stdout.text().includes(scenario.holdWord!))])) {
      during = await lookAt(testbed, program, scenario.holdWord, others, limit);
    }
  }
  if (during !== null && typeof scenario.meanwhile === 'object') {
    const inner = await runOn(testbed, file, scenario.meanwhile);
    known.containers.push(...inner.containers);
    known.images.push(...inner.images);
    meanwhile(inner);
  }
  if (during !== null && scenario.meanwhile === 'kill-command') during.commands.forEach(({ pid }) => kill(pid));
  if (during?.runtime != null && scenario.meanwhile === 'kill-runtime') {
    kill(during.runtime.pid);
    ended = await Promise.race([end, timeout]);
    // The command still has its stdin, and so no reason of its own to end.
    await gone(during.commands.map(({ pid }) => pid));
  } else {
    program.stdin!.end('\n');
    ended = await Promise.race([end, timeout]);
  }
  const left = newProcesses(testbed, others);
  const evidence = {
    after: await hostFacts(testbed),
    changedFiles: testbed.changedFiles(),
    ...newFiles(filesOf(testbed), known),
    imageAfter: imageOf(testbed, during?.commands[0], before),
    cgroups: testbed.cgroups(),
  };
  program.stdin!.end();
  await endAll(testbed, others);
  await Promise.all([end, output.stdout.end, output.stderr.end, output.trace.end]);
  const [exitCode, signal] = ended ?? [null, null];
  return {
    scenario,
    file,
    exitCode,
    signal,
    timedOut: ended === null,
    stdout: output.stdout.text(),
    stderr: output.stderr.text(),
    trace: parseTrace(output.trace.text()),
    during,
    left: left.filter(({ state }) => ended === null || state !== 'Z'),
    before,
    ...evidence,
  };
}

/** Looks at everything of this run, once the program has come to rest: waiting, or ended. */
async function lookAt(
  testbed: Testbed,
  program: ChildProcess,
  word: string,
  others: ReadonlySet<number>,
  limit: AbortSignal,
): Promise<Snapshot> {
  const runtimePid = childrenOf(program.pid!)[0];
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
    ({ argv, exe }) => !isNode(exe) && argv.some((argument) => argument.includes(word)),
  );
  const command = commands[0];
  const host = await hostFacts(testbed);
  return {
    processes,
    runtime: processes.find(({ pid, state }) => pid === runtimePid && state !== 'Z') ?? null,
    commands,
    inside: command === undefined ? null : lookInside(command),
    hostname: command === undefined ? '' : await testbed.hostnameOf(command.pid),
    image: imageOf(testbed, command, host),
    host,
  };
}

async function hostFacts(testbed: Testbed): Promise<HostFacts> {
  return {
    mounts: mountsOf(testbed.initPid),
    hostname: await testbed.hostnameOf(),
    rootId: fileId(onHost(testbed, '/')),
    devptsDevice: fileId(onHost(testbed, '/dev/pts')).split(':')[0]!,
    mountNamespace: fs.readlinkSync(`/proc/${testbed.initPid}/ns/mnt`),
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

/** The lowest layer of the overlay that is the command's root; null where its root is none, or the host's. */
function imageOf(testbed: Testbed, command: ProcessFacts | undefined, host: HostFacts): Tree | null {
  if (command === undefined || command.rootId === host.rootId) return null;
  const root = command.mounts.findLast(({ mountPoint }) => mountPoint === '/');
  const lowest = root?.type === 'overlay' ? optionOf(root, 'lowerdir')?.split(':').at(-1) : undefined;
  return lowest === undefined ? null : readTree(onHost(testbed, lowest));
}

/** Whether this is the file of the node that runs box.ts. */
export function isNode(exe: string): boolean {
  return path.basename(exe) === path.basename(process.execPath);
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

/** Waits until the kernel has ended these processes, or for as long as that can take. */
async function gone(pids: readonly number[]): Promise<void> {
  const limit = AbortSignal.timeout(END_LIMIT * 1000);
  const lives = (pid: number): boolean => !['', 'Z'].includes(processFacts(pid)?.state ?? '');
  while (!limit.aborted && pids.some(lives)) await delay(2);
}

/** Ends what is left of a run. */
async function endAll(testbed: Testbed, others: ReadonlySet<number>): Promise<void> {
  const limit = AbortSignal.timeout(END_LIMIT * 1000);
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
function keep(stream: Readable): { text(): string; contains(word: string): Promise<true>; end: Promise<void> } {
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
          if (!text().includes(`${word}\n`)) return;
          watchers.delete(watcher);
          resolve(true);
        };
        watchers.add(watcher);
      });
    },
  };
}

function parseTrace(text: string): TraceLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = JSON.parse(line) as TraceLine;
      return typeof parsed.call === 'string' && Array.isArray(parsed.args) ? [parsed] : [];
    } catch {
      // Cut at the limit, or written by the program itself.
      return [];
    }
  });
}
