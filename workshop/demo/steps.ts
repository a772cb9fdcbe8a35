// Runs a box.ts step by step: it stops before and after each system call (linux/step.ts), and goes on when the next
// moment is asked for.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { StopLine } from '../../linux/step.ts';
import type { TraceLine } from '../../linux/trace.ts';
import { compileCache } from '../grading/compile-cache.ts';
import { patienceWith } from '../grading/patience.ts';
import { processFacts, processState, SYS_wait4 } from '../grading/processes.ts';
import { parseTrace } from '../grading/run.ts';
import { holdStill } from '../grading/scenario.ts';
import { programCommand } from '../grading/student-program.ts';
import { systemPath, type Testbed } from '../grading/testbed.ts';
import type { Level } from '../levels.ts';
import { dataDirectory } from '../paths.ts';
import { shownCommand } from './commands.ts';
import { observe, type Picture } from './picture.ts';

/** A call of the program, at its place. */
export type Step = Pick<StopLine, 'process' | 'call' | 'args' | 'places'>;

/** A moment at which the program stands still, with the machine as it is and as it was at the moment before. */
export type Moment = { picture: Picture; before: Picture } & (
  | { kind: 'before'; step: Step }
  | { kind: 'after'; step: Step; result: number | null; errno: string | null }
  /** The call has not returned, and will not before another process has done something. */
  | { kind: 'waits'; step: Step }
  /** The process has become the command, which holds still. */
  | { kind: 'runs'; step: Step | null; stdout: string }
  /** The process has ended itself. */
  | { kind: 'gone'; step: Step }
  | { kind: 'ended'; exitCode: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }
  /** It neither ended nor went on. */
  | { kind: 'hangs'; stdout: string; stderr: string }
);

/** Seconds of doing nothing after which the program will not go on by itself. */
const LIMIT = Number(process.env['BOXWRIGHT_TIME_LIMIT'] ?? 10);
/** Looks, 2 ms apart, at which a process sleeps each time: then it waits for something. */
const AT_REST = 100;
/** Calls that are made without a word, since nothing in the picture changes; and those of which one stands for all. */
const quiet = ['umask', 'getpid', 'gethostname'];
const oneForAll = ['mknod'];

/** Starts `file`, a box.ts, in a testbed with the command that is shown for that level. Asked for more, it goes on. */
export async function* moments(testbed: Testbed, file: string, level: Level): AsyncGenerator<Moment, void> {
  const observer = observe(testbed, level);
  const holdWord = `hold-${randomBytes(4).toString('hex')}`;
  const { options, script, groups } = shownCommand(level);
  const words = ['run', ...options, '--', 'sh', '-c', holdStill(holdWord, script)];
  const start = groups === undefined ? [] : ['setpriv', '--groups', groups.join(','), '--'];
  const program = testbed.start([...start, ...steppedCommand(file, words)], {
    cwd: '/root',
    env: {
      PATH: systemPath,
      HOME: '/root',
      TERM: 'dumb',
      BOXWRIGHT_HOME: dataDirectory(),
      BOXWRIGHT_TRACE: '3',
      BOXWRIGHT_STEP: '1',
      NODE_COMPILE_CACHE: compileCache(),
    },
    trace: true,
  });
  const stdout = collected(program.stdout!);
  const stderr = collected(program.stderr!);
  program.stdin!.on('error', () => {});
  const closed = once(program, 'close');
  const patience = patienceWith(testbed, new Set(), LIMIT);

  /** Where each process has stopped, by its name; and the pid, on this machine, of each that ever has. */
  const stops = new Map<string, StopLine>();
  const pids = new Map<string, number>();
  const done = new Map<string, TraceLine>();
  onLines(program.stdio[3] as Readable, (line) => {
    const stopped = stopLine(line);
    if (stopped !== null) stops.set(stopped.process, stopped);
    for (const call of parseTrace(line)) if (call.phase === 'done') done.set(call.process, call);
  });

  const hasEnded = (): boolean => program.exitCode !== null || program.signalCode !== null;
  const holds = (): boolean => stdout().includes(`${holdWord}\n`);
  const printed = (): string => stdout().replace(`${holdWord}\n`, '');
  let held = false;
  let last: Picture | undefined;

  /** Whether nothing of it can stop any more: box.ts has ended, and so has whatever it has made that stops. */
  const isOver = (): boolean => hasEnded() && ![...pids.values()].some(isAlive);

  /** Waits until the process has come to the next stop, or to rest in some other way. */
  async function settled(name: string): Promise<'stopped' | 'rests' | 'gone'> {
    const pid = pids.get(name);
    for (let sleeps = 0; sleeps < AT_REST; await delay(2)) {
      if (stops.has(name)) return 'stopped';
      if (pid === undefined ? hasEnded() : !isAlive(pid)) return 'gone';
      if (!held && holds()) return 'rests';
      const sleepsIn = pid === undefined ? null : (processFacts(pid)?.sleepsIn ?? null);
      if (sleepsIn === SYS_wait4 && pids.size > 1) return 'rests';
      sleeps = sleepsIn === null ? 0 : sleeps + 1;
    }
    return 'rests';
  }

  /** Waits until some process has stopped, or nothing will stop any more. */
  async function anyStop(): Promise<void> {
    while (stops.size === 0 && !isOver() && (held || !holds())) await delay(2);
  }

  /** After a fork: waits for the child's first stop, unless it has ended before that. */
  async function childOf(name: string, result: number | null): Promise<void> {
    const born = (): boolean =>
      [...stops.values()].some(({ stop, process }) => stop === 'born' && parent(process) === name);
    for (let looks = 0; result !== null && !born() && !hasEnded() && looks < 10 * AT_REST; looks += 1) await delay(2);
  }

  /** Lets a process go on from where it has stopped. */
  async function letGo(stopped: StopLine): Promise<void> {
    const pid = pids.get(stopped.process);
    stops.delete(stopped.process);
    if (pid === undefined) return;
    try {
      fs.writeFileSync(`/proc/${pid}/fd/${stopped.gate.fd}`, 'g');
    } catch (error) {
      // It was killed where it stood.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) throw error;
    }
  }

  /** Finds which process of this machine stands at the stop: the one that has its pipe. */
  async function identify(stopped: StopLine): Promise<void> {
    const link = `pipe:[${stopped.gate.inode}]`;
    for (let looks = 0; looks < AT_REST; looks += 1) {
      // A child that was just made has its parent's pipe for a moment.
      const owners = testbed.pids().filter((pid) => readLink(`/proc/${pid}/fd/${stopped.gate.fd}`) === link);
      if (owners.length === 1) return void pids.set(stopped.process, owners[0]!);
      await delay(2);
    }
  }

  async function look(): Promise<Pick<Moment, 'picture' | 'before'>> {
    const names = [...pids.keys()].sort((one, other) => depth(other) - depth(one) || (one < other ? 1 : -1));
    const child = names.find((name) => name !== '0' && isAlive(pids.get(name)!));
    const hadChild = names.some((name) => name !== '0');
    const shown = child ?? (hadChild ? undefined : names.find((name) => name === '0'));
    const picture = await observer.look(shown === undefined ? null : pids.get(shown)!, hadChild);
    const before = last ?? picture;
    last = picture;
    return { picture, before };
  }

  try {
    let previous: Step | undefined;
    await patience.wait(anyStop());
    for (;;) {
      if (patience.over) {
        yield { kind: 'hangs', stdout: printed(), stderr: stderr(), ...(await look()) };
        return;
      }
      for (const stopped of stops.values()) if (!pids.has(stopped.process)) await identify(stopped);
      // The parent goes first: after a fork it goes to sleep in waitpid, as a rule.
      const stopped = [...stops.values()].sort((one, other) => depth(one.process) - depth(other.process))[0];
      if (stopped === undefined) {
        if (!held && holds()) {
          held = true;
          yield { kind: 'runs', step: previous ?? null, stdout: printed(), ...(await look()) };
          program.stdin!.end('\n');
        }
        if (isOver()) break;
        await patience.wait(anyStop());
        continue;
      }
      const step: Step = stopped;
      const name = stopped.process;
      if (stopped.stop === 'before') {
        const silent = isSilent(step, previous);
        previous = step;
        if (!silent) yield { kind: 'before', step, ...(await look()) };
        await letGo(stopped);
        const came = await patience.wait(settled(name));
        if (came === 'rests' && step.call === 'waitpid') yield { kind: 'waits', step, ...(await look()) };
        if (came === 'gone' && step.call === '_exit' && !hasEnded()) yield { kind: 'gone', step, ...(await look()) };
        // Silent as its "before" was, and nothing has gone wrong.
        const after = stops.get(name);
        if (silent && after?.stop === 'after' && done.get(name)?.errno === null) {
          await letGo(after);
          await patience.wait(settled(name));
        }
        continue;
      }
      if (stopped.stop === 'after') {
        const { result = null, errno = null } = done.get(name) ?? {};
        if (['fork', 'clone'].includes(step.call)) {
          await childOf(name, result);
          for (const other of stops.values()) if (!pids.has(other.process)) await identify(other);
        }
        yield { kind: 'after', step, result, errno, ...(await look()) };
      }
      await letGo(stopped);
      await patience.wait(settled(name));
    }
    await closed;
    const { exitCode, signalCode } = program;
    yield { kind: 'ended', exitCode, signal: signalCode, stdout: printed(), stderr: stderr(), ...(await look()) };
  } finally {
    // Whoever has seen enough stops asking: what still runs is ended with its testbed.
    program.stdin!.end();
  }
}

/** Whether nothing needs to be said of a step: nobody sees what it changes, or the one before it stands for it. */
function isSilent(step: Step, previous: Step | undefined): boolean {
  if (quiet.includes(step.call)) return true;
  const at = (of: Step): string => `${of.process} ${of.call} ${of.places[0]?.file}:${of.places[0]?.line}`;
  return oneForAll.includes(step.call) && previous !== undefined && at(previous) === at(step);
}

function steppedCommand(file: string, words: readonly string[]): string[] {
  const [node, ...rest] = programCommand(file, words);
  return [node!, '--import', pathToFileURL(path.join(import.meta.dirname, 'ordinary-calls.ts')).href, ...rest];
}

/** `0.1.1` is two below the first process. */
function depth(name: string): number {
  return name.split('.').length;
}

function parent(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(processState(pid));
}

function readLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

/** What a stream has brought so far. */
function collected(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  stream.on('error', () => {});
  return () => text;
}

function onLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    lines.forEach(take);
  });
  stream.on('error', () => {});
}

/** A line that says that a process has stopped; the program itself may write what it likes there. */
function stopLine(line: string): StopLine | null {
  try {
    const value = JSON.parse(line) as Partial<StopLine> | null;
    const whole = typeof value?.stop === 'string' && typeof value.process === 'string' && Array.isArray(value.places);
    return whole && typeof value.gate?.fd === 'number' ? (value as StopLine) : null;
  } catch {
    return null;
  }
}
