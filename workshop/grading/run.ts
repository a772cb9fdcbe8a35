// One run of a box.ts in a testbed, and the evidence of it: gathered once, from outside, while the command holds
// still and after the program has ended.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { TraceLine } from '../../linux/trace.ts';
import { dataDirectory } from '../paths.ts';
import { compileCache } from './compile-cache.ts';
import { childrenOf, type Mount, mountsOf, type ProcessFacts, processFacts, SYS_wait4 } from './processes.ts';
import { programCommand } from './student-program.ts';
import { openTestbed, systemPath, type Testbed } from './testbed.ts';

/** What is run, and how it is looked at. */
export type Scenario = {
  /** The words after `run`. */
  args: readonly string[];
  /** What a student types after `box -- level-NN run` to see the same. */
  reproduce: string;
  /** The command prints this word and then reads a line: it is looked at in between. See `holdStill`. */
  holdWord?: string;
  /** Files of the testbed's host, by path, made before the run. */
  files?: Readonly<Record<string, { text: string; mode: number }>>;
  /** Folders that stand first in PATH. */
  path?: readonly string[];
};

/** What there was to see while the command held still. */
export type Snapshot = {
  /** All processes of the testbed, the runtime among them. */
  processes: ProcessFacts[];
  /** The process of box.ts; null where it has ended. */
  runtime: ProcessFacts | null;
  /** The processes that run the command: one, if all is well. */
  commands: ProcessFacts[];
  /** The mount table of the host. */
  hostMounts: Mount[];
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
  /** Processes that were still there when box.ts had ended. */
  left: ProcessFacts[];
  mountsBefore: Mount[];
  mountsAfter: Mount[];
  /** Files of the host that were changed, and all that is in the folder of the containers. */
  changedFiles: string[];
  containers: ContainerFile[];
  /** cgroups that were left. */
  cgroups: string[];
};

/** A file in the folder of the containers, after the run. */
export type ContainerFile = {
  /** Relative to the folder: `3f2a/rootfs/bin/sh`. */
  path: string;
  type: 'file' | 'directory' | 'link' | 'device' | 'other';
  /** A link's target. */
  target: string | null;
  inode: number;
};

/** Seconds after which a run is ended; BOXWRIGHT_TIME_LIMIT overrides it, for emulated machines. */
const TIME_LIMIT = Number(process.env['BOXWRIGHT_TIME_LIMIT'] ?? 10);
/** Bytes. */
const OUTPUT_LIMIT = 256 * 1024;

/** A shell script that runs `before`, then holds still to be looked at, and goes on with `after` once that is done. */
export function holdStill(before = '', after = ''): { holdWord: string; script: string } {
  const holdWord = `hold-${randomBytes(6).toString('hex')}`;
  const steps = [before, `echo ${holdWord}`, 'read -r _', after].filter((step) => step !== '');
  return { holdWord, script: steps.join('\n') };
}

/** Runs `file`, a box.ts, in a testbed of its own and gathers the evidence. */
export async function runInTestbed(file: string, scenario: Scenario): Promise<Run> {
  await using testbed = await openTestbed([file]);
  for (const [name, { text, mode }] of Object.entries(scenario.files ?? {})) {
    const there = onHost(testbed, name);
    fs.mkdirSync(path.dirname(there), { recursive: true });
    fs.writeFileSync(there, text, { mode });
  }
  const mountsBefore = mountsOf(testbed.initPid);
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
  if (scenario.holdWord !== undefined) {
    const held = output.stdout.contains(scenario.holdWord);
    if (await Promise.race([held, timeout, end.then(() => output.stdout.text().includes(scenario.holdWord!))])) {
      during = await lookAt(testbed, program, scenario.holdWord, limit);
    }
  }
  program.stdin!.end('\n');
  const ended = await Promise.race([end, timeout]);
  const left = testbed
    .pids()
    .map(processFacts)
    .filter((facts) => facts !== null);
  const [exitCode, signal] = ended ?? [null, null];
  const evidence = {
    mountsAfter: mountsOf(testbed.initPid),
    changedFiles: testbed.changedFiles(),
    containers: containerFiles(testbed),
    cgroups: testbed.cgroups(),
  };
  await testbed.close();
  await Promise.all([output.stdout.end, output.stderr.end, output.trace.end]);
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
    mountsBefore,
    ...evidence,
  };
}

/** Looks at everything in the testbed, once the program has come to rest: waiting, or ended. */
async function lookAt(testbed: Testbed, program: ChildProcess, word: string, limit: AbortSignal): Promise<Snapshot> {
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
  const processes = testbed
    .pids()
    .map(processFacts)
    .filter((facts) => facts !== null);
  const runtime = processes.find(({ pid, state }) => pid === runtimePid && state !== 'Z') ?? null;
  const commands = processes.filter(
    ({ argv, exe }) => !isNode(exe) && argv.some((argument) => argument.includes(word)),
  );
  return { processes, runtime, commands, hostMounts: mountsOf(testbed.initPid) };
}

/** Whether this is the file of the node that runs box.ts. */
export function isNode(exe: string): boolean {
  return path.basename(exe) === path.basename(process.execPath);
}

function containerFiles(testbed: Testbed): ContainerFile[] {
  const top = testbed.containersFolder;
  const found: ContainerFile[] = [];
  const visit = (directory: string): void => {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const there = path.join(directory, entry.name);
      const type = entry.isDirectory() ? 'directory' : typeOf(entry);
      found.push({
        path: path.relative(top, there),
        type,
        target: type === 'link' ? fs.readlinkSync(there) : null,
        inode: fs.lstatSync(there).ino,
      });
      if (type === 'directory') visit(there);
    }
  };
  visit(top);
  return found;
}

function typeOf(entry: fs.Dirent): ContainerFile['type'] {
  if (entry.isFile()) return 'file';
  if (entry.isSymbolicLink()) return 'link';
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'device' : 'other';
}

/** A path of the testbed's host, as we can open it. */
function onHost(testbed: Testbed, name: string): string {
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
