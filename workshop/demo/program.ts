// A box.ts that stands still around each of its calls (linux/step.ts), as whoever shows it sees it: which processes
// have stopped, and where; and how one of them is let go.
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { StopLine } from '../../linux/step.ts';
import type { TraceLine } from '../../linux/trace.ts';
import { childrenOf, isAlive, sleepsIn, SYS_wait4 } from '../grading/processes.ts';
import { programEnvironment } from '../grading/program-environment.ts';
import { parseTrace } from '../grading/trace-lines.ts';
import { programCommand } from '../grading/student-program.ts';
import type { Testbed } from '../grading/testbed.ts';

/** Milliseconds between two looks; and so many looks, at each of which a process sleeps, make it one that waits. */
const INTERVAL = 2;
const AT_REST = 100;

export type SteppedProgram = {
  /** Where each process has stopped that has, by its name: see `StopLine.process`. */
  readonly stops: ReadonlyMap<string, StopLine>;
  /** What the last call of a process has come to; undefined where none has returned. */
  outcomeOf(name: string): TraceLine | undefined;
  /** The processes that have ever stopped: their names, and their pids on this machine. */
  readonly pids: ReadonlyMap<string, number>;
  /** Waits until some process has stopped, the command holds still, or nothing more will stop. */
  anyStop(): Promise<void>;
  /** Lets the process go on, and waits until it has stopped again, waits for something else, or has ended. */
  letGo(name: string): Promise<'stopped' | 'rests' | 'gone'>;
  /** After a call that made a child: waits until that has stopped, too, unless it has ended before. */
  bornChildOf(name: string): Promise<void>;
  /** Whether the command has begun and holds still, and `release` has not been called yet. */
  readonly holds: boolean;
  /** Lets the command end. */
  release(): void;
  /** Whether nothing of it can stop any more: box.ts has ended, and so has all that it made and that stops. */
  readonly isOver: boolean;
  /** What it and the command have printed so far. */
  stdout(): string;
  stderr(): string;
  /** How box.ts has ended, once all that it wrote has been read. */
  end(): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
};

/**
 * Starts `file`, a box.ts, in a testbed.
 *
 * @param words what stands behind box.ts
 * @param options.before what starts it: `['setpriv', …]`
 * @param options.holdWord the command prints it before it holds still
 */
export function startStepped(
  testbed: Testbed,
  file: string,
  words: readonly string[],
  { before, holdWord }: { before: readonly string[]; holdWord: string },
): SteppedProgram {
  const program = testbed.start([...before, ...steppedCommand(file, words)], {
    cwd: '/root',
    env: {
      // The sources: ordinary-calls.ts has to be at one with them on what is stepped.
      ...programEnvironment('/root', null),
      TERM: 'dumb',
      BOXWRIGHT_TRACE: '3',
      BOXWRIGHT_STEP: '1',
    },
    trace: true,
  });
  const stdout = collected(program.stdout!);
  const stderr = collected(program.stderr!);
  program.stdin!.on('error', () => {});
  const closed = once(program, 'close');

  const stops = new Map<string, StopLine>();
  const pids = new Map<string, number>();
  const outcomes = new Map<string, TraceLine>();
  onLines(program.stdio[3] as Readable, (line) => {
    const stopped = stopLine(line);
    if (stopped !== null) stops.set(stopped.process, stopped);
    for (const call of parseTrace(line)) if (call.phase === 'done') outcomes.set(call.process, call);
  });
  let released = false;
  const hasEnded = (): boolean => program.exitCode !== null || program.signalCode !== null;

  /** Finds the pid of each process that has stopped: it is the one that has that pipe. */
  async function identify(): Promise<void> {
    for (const { process, gate } of stops.values()) {
      const link = `pipe:[${gate.inode}]`;
      while (!pids.has(process)) {
        const owners = testbed.pids().filter((pid) => readLink(`/proc/${pid}/fd/${gate.fd}`) === link);
        // It was killed where it stood.
        if (owners.length === 0) break;
        if (owners.length === 1) pids.set(process, owners[0]!);
        // A child that was just made has its parent's pipe for a moment.
        else await delay(INTERVAL);
      }
    }
  }

  async function settled(name: string): Promise<'stopped' | 'rests' | 'gone'> {
    const pid = pids.get(name);
    for (let sleeps = 0; sleeps < AT_REST; await delay(INTERVAL)) {
      if (stops.has(name)) return 'stopped';
      if (pid === undefined ? hasEnded() : !isAlive(pid)) return 'gone';
      if (self.holds) return 'rests';
      const call = pid === undefined ? null : sleepsIn(pid);
      if (call === SYS_wait4 && pids.size > 1) return 'rests';
      sleeps = call === null ? 0 : sleeps + 1;
    }
    return 'rests';
  }

  const self: SteppedProgram = {
    stops,
    pids,
    outcomeOf: (name) => outcomes.get(name),
    async anyStop() {
      while (stops.size === 0 && !self.isOver && !self.holds) await delay(INTERVAL);
      await identify();
    },
    async letGo(name) {
      const stopped = stops.get(name);
      const pid = pids.get(name);
      stops.delete(name);
      if (stopped !== undefined && pid !== undefined) open(`/proc/${pid}/fd/${stopped.gate.fd}`);
      const came = await settled(name);
      await identify();
      return came;
    },
    async bornChildOf(name) {
      const known = new Set(pids.values());
      const isBorn = (): boolean =>
        [...stops.values()].some(({ stop, process }) => stop === 'born' && parentOf(process) === name);
      const isComing = (): boolean => childrenOf(pids.get(name) ?? 0).some((pid) => !known.has(pid) && isAlive(pid));
      while (!isBorn() && isComing()) await delay(INTERVAL);
      await identify();
    },
    get holds() {
      return !released && stdout().includes(`${holdWord}\n`);
    },
    release() {
      released = true;
      program.stdin!.end('\n');
    },
    get isOver() {
      return hasEnded() && ![...pids.values()].some(isAlive);
    },
    stdout: () => stdout().replace(`${holdWord}\n`, ''),
    stderr,
    async end() {
      await closed;
      return { exitCode: program.exitCode, signal: program.signalCode };
    },
  };
  return self;
}

/** The process that made this one, by name: `0.1` made `0.1.1`. */
function parentOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function steppedCommand(file: string, words: readonly string[]): string[] {
  const [node, ...rest] = programCommand(file, words);
  return [node!, '--import', pathToFileURL(path.join(import.meta.dirname, 'ordinary-calls.ts')).href, ...rest];
}

/** Writes the byte for which a process waits. */
function open(gate: string): void {
  try {
    fs.writeFileSync(gate, 'g');
  } catch (error) {
    // It was killed where it stood.
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) throw error;
  }
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
