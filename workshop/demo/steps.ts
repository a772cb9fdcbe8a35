// The story of a program, moment by moment: what it is about to do, and what has come of it. Asked for the next moment,
// the program goes on.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { StopLine } from '../../linux/step.ts';
import { patienceWith } from '../grading/patience.ts';
import { isAlive } from '../grading/processes.ts';
import { holdStill } from '../grading/scenario.ts';
import type { Testbed } from '../grading/testbed.ts';
import type { Level } from '../levels.ts';
import { shownCommand } from './commands.ts';
import { meaningOfCall } from './meanings.ts';
import { observe, type Picture } from './picture.ts';
import { type SteppedProgram, startStepped } from './program.ts';

/** A call of the program, at its place. */
export type Step = Pick<StopLine, 'process' | 'call' | 'args' | 'places'>;

/**
 * A moment at which the program stands still, with the machine as it is and as it was at the moment before. `repeated`
 * is how many calls loops have made since the step before, for which one was shown; `stderr` what was said so far, which
 * tells why a process ends that threw.
 */
export type Moment = { picture: Picture; before: Picture } & (
  | { kind: 'before'; step: Step; repeated: number; stderr: string }
  | { kind: 'after'; step: Step; result: number | null; errno: string | null }
  /** The call has not returned, and will not before another process has done something. */
  | { kind: 'waits'; step: Step }
  /** The process has become the command, which holds still. */
  | { kind: 'runs'; step: Step | null; stdout: string }
  /** The process has ended itself. */
  | { kind: 'gone'; step: Step; stderr: string }
  | { kind: 'ended'; exitCode: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }
  /** It neither ended nor went on. */
  | { kind: 'hangs'; stdout: string; stderr: string }
);

/** Seconds of doing nothing after which the program will not go on by itself. */
const LIMIT = Number(process.env['BOXWRIGHT_TIME_LIMIT'] ?? 10);
/** Calls that are made without a word, since nothing in the picture changes. */
const quiet = ['umask', 'getpid', 'gethostname'];
/** Calls of which the first stands for all that a loop makes. */
const oneForAll = ['mknod', 'mount', 'prctl', 'seccomp_rule_add', 'setxattr', 'umount2'];

/** Starts `file`, a box.ts, in a testbed with the command that is shown for that level, and tells what it does. */
export async function* moments(testbed: Testbed, file: string, level: Level): AsyncGenerator<Moment, void> {
  const observer = observe(testbed, level);
  const holdWord = `hold-${randomBytes(4).toString('hex')}`;
  const { options, script, groups } = shownCommand(level);
  const program = startStepped(testbed, file, ['run', ...options, '--', 'sh', '-c', holdStill(holdWord, script)], {
    holdWord,
    before: groups === undefined ? [] : ['setpriv', '--groups', groups.join(','), '--'],
  });
  const patience = patienceWith(testbed, new Set(), LIMIT);
  let last: Picture | undefined;
  let previous: Step | undefined;
  const inLoops = new Set<string>();
  let repeated = 0;

  async function look(): Promise<Pick<Moment, 'picture' | 'before'>> {
    const picture = await observer.look(...shownProcess(program));
    const before = last ?? picture;
    last = picture;
    return { picture, before };
  }

  for (;;) {
    await patience.wait(program.anyStop());
    if (patience.over) {
      yield { kind: 'hangs', stdout: program.stdout(), stderr: program.stderr(), ...(await look()) };
      return;
    }
    const stopped = firstOf(program);
    if (stopped === undefined) {
      if (program.holds) {
        yield { kind: 'runs', step: previous ?? null, stdout: program.stdout(), ...(await look()) };
        program.release();
      }
      if (program.isOver) break;
      continue;
    }
    const { process: name, stop } = stopped;
    if (stop === 'before') {
      const isRepeated = oneForAll.includes(stopped.call) && inLoops.has(placeInLoop(stopped));
      const isSilent = isRepeated || quiet.includes(stopped.call);
      inLoops.add(placeInLoop(stopped));
      previous = stopped;
      if (isRepeated) repeated += 1;
      if (!isSilent) {
        if (stopped.call === '_exit') await lastWords(program);
        yield { kind: 'before', step: stopped, repeated, stderr: program.stderr(), ...(await look()) };
        repeated = 0;
      }
      const came = await patience.wait(program.letGo(name));
      // What has gone wrong is never silent.
      if (isSilent && program.stops.get(name)?.stop === 'after' && program.outcomeOf(name)?.errno === null) {
        await patience.wait(program.letGo(name));
      }
      if (came === 'rests' && stopped.call === 'waitpid') yield { kind: 'waits', step: stopped, ...(await look()) };
      if (came === 'gone' && stopped.call === '_exit' && !program.isOver) {
        yield { kind: 'gone', step: stopped, stderr: program.stderr(), ...(await look()) };
      }
      continue;
    }
    if (stop === 'after') {
      const { result = null, errno = null } = program.outcomeOf(name) ?? {};
      if (['fork', 'clone'].includes(stopped.call) && errno === null) await patience.wait(program.bornChildOf(name));
      yield { kind: 'after', step: stopped, result, errno, ...(await look()) };
    }
    await patience.wait(program.letGo(name));
  }
  const { exitCode, signal } = await program.end();
  yield { kind: 'ended', exitCode, signal, stdout: program.stdout(), stderr: program.stderr(), ...(await look()) };
}

/** Milliseconds in which what a process wrote before it stopped has come here, too. */
const ON_ITS_WAY = 100;

async function lastWords({ stderr }: SteppedProgram): Promise<void> {
  const limit = AbortSignal.timeout(ON_ITS_WAY);
  while (stderr() === '' && !limit.aborted) await delay(5);
}

/** The process that goes next. A parent goes first: after a fork it goes to sleep in waitpid, as a rule. */
function firstOf({ stops }: SteppedProgram): StopLine | undefined {
  return [...stops.values()].sort((one, other) => depth(one.process) - depth(other.process))[0];
}

/** Whose view is shown: the youngest child that lives, or box.ts as long as it has made none; and whether it is a child. */
function shownProcess({ pids }: SteppedProgram): [pid: number | null, isChild: boolean] {
  const children = [...pids]
    .filter(([name]) => name !== '0')
    .sort(([one], [other]) => depth(other) - depth(one) || (one < other ? 1 : -1));
  if (children.length === 0) return [pids.get('0') ?? null, false];
  return [children.find(([, pid]) => isAlive(pid))?.[1] ?? null, true];
}

/** The same for two calls of a loop: made at one place, with all that leads there, and with one and the same meaning. */
function placeInLoop({ process, call, args, places }: Step): string {
  const way = places.map(({ file, line }) => `${file}:${line}`);
  return JSON.stringify([process, call, way, meaningOfCall({ call, args })]);
}

/** `0.1.1` is two below the first process. */
function depth(name: string): number {
  return name.split('.').length;
}
