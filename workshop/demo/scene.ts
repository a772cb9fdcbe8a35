// What is said and shown at one moment, whatever it is shown on.
import { diffArrays } from 'diff';
import { meaningOf } from '../errno.ts';
import { printable } from '../grading/printable.ts';
import { type Level, spoken } from '../levels.ts';
import { meaningOfCall } from './meanings.ts';
import { type Fact, type Picture, shorten } from './picture.ts';
import type { Moment, Step } from './steps.ts';

/** A line of a fact, and what has become of it since the moment before. */
export type Line = { change: 'same' | 'changed' | 'new' | 'gone'; text: string; was?: string };

/** A fact as both sides see it. */
export type Row = { label: string; kind: Fact['kind']; host: Line[]; container: Line[] };

export type Scene = {
  kind: Moment['kind'];
  /** Counts the calls that were shown; null where no call is the reason for the scene. */
  number: number | null;
  /** `level-05, uts-namespace` */
  title: string;
  /** Who makes the call, and at which line; and the functions that lead there, the innermost one last. */
  place: { who: string; path: string[] };
  /** The line of box.ts to show; null where there is none. */
  line: number | null;
  /** Whether the line is new in this level. */
  isNew: boolean;
  call: string;
  meaning: string;
  /** What happened, in a sentence. */
  summary: string;
  failed: boolean;
  /** What the command or the program has printed, where that is shown. */
  output: string[];
  columns: { host: string; container: string };
  rows: Row[];
};

/** Makes scenes of moments, one after the other. */
export function sceneMaker(level: Level, file: string, newLines: ReadonlySet<number>): (moment: Moment) => Scene {
  let number = 0;
  return (moment) => {
    if (moment.kind === 'before') number += 1;
    const step = 'step' in moment ? moment.step : null;
    const thrown = errorOf(moment, file);
    const line = step === null ? null : (thrown?.line ?? lineOf(step, file));
    const rows = rowsOf(moment);
    return {
      kind: moment.kind,
      number: step === null ? null : number,
      title: level.bonus ? spoken(level) : `${spoken(level)}, ${level.name.slice(3)}`,
      place: step === null ? { who: '', path: [] } : placeOf(step, file, line),
      line,
      isNew: line !== null && newLines.has(line),
      rows,
      columns: {
        host: 'the host',
        container: `${moment.picture.container.name}, ${moment.picture.container.process}`.replace(', has', ' has'),
      },
      ...said(moment, rows),
      ...(thrown === null ? {} : { meaning: `It threw this error, and nobody caught it: ${thrown.message}` }),
    };
  };
}

/** The error because of which the workshop ends a child, and its line in the program; null where there is none. */
function errorOf(moment: Moment, file: string): { message: string; line: number } | null {
  if (moment.kind !== 'before' && moment.kind !== 'gone') return null;
  const { step, stderr } = moment;
  if (step.call !== '_exit' || lineOf(step, file) !== null) return null;
  const lines = stderr.split('\n');
  const places = lines.map((line) => (line.includes(`${file}:`) ? /:(\d+):\d+\)?$/.exec(line)?.[1] : undefined));
  const at = places.findIndex((line) => line !== undefined);
  const message = lines.slice(0, at).findLast((line) => /\S/.test(line) && !/^\s+at /.test(line));
  return message === undefined
    ? null
    : { message: printable(shorten(message.trim().replace(/^box\.ts: /, ''))), line: Number(places[at]) };
}

type Said = Pick<Scene, 'call' | 'meaning' | 'summary' | 'failed' | 'output'>;

function said(moment: Moment, rows: readonly Row[]): Said {
  const usual = { failed: false, output: [] };
  switch (moment.kind) {
    case 'before':
      return { ...usual, ...callOf(moment.step), summary: meanwhile(rows, moment.repeated) };
    case 'after': {
      const { call, meaning } = callOf(moment.step);
      const { errno, result } = moment;
      if (errno === null)
        return {
          ...usual,
          call: call + answer(moment.step, String(result)),
          meaning,
          summary: seen(rows, moment.picture),
        };
      const why = meaningOf(moment.step.call, errno);
      const summary = why === null ? `It failed: ${errno}.` : `It failed with ${errno}: ${why}.`;
      return { ...usual, call: call + answer(moment.step, `-1 ${errno}`), meaning, summary, failed: true };
    }
    case 'waits':
      return { ...usual, ...callOf(moment.step), summary: 'It sleeps in this call now. The child goes on.' };
    case 'gone':
      return { ...usual, ...callOf(moment.step), summary: 'This process has ended.' };
    case 'runs':
      return {
        ...usual,
        call: 'The command runs now, in the place that was made for it, and prints:',
        meaning: '',
        summary: '',
        output: linesOf(moment.stdout),
      };
    case 'ended': {
      const [, todo, task] = /Error: (TODO \d+): (.*)/.exec(moment.stderr) ?? [];
      if (todo === undefined) return { failed: moment.exitCode !== 0, ...lastWords(moment, endOf(moment)) };
      const call = `box.ts has come to ${todo}, which is still to do.`;
      return { ...usual, call, meaning: `${todo}: ${task}.`, summary: '' };
    }
    case 'hangs':
      return { failed: true, ...lastWords(moment, 'box.ts does not go on: it neither ends nor makes another call.') };
  }
}

function lastWords({ stdout, stderr }: { stdout: string; stderr: string }, call: string): Omit<Said, 'failed'> {
  const complained = linesOf(stderr);
  const meaning = complained.length > 0 ? 'It said on stderr:' : stdout === '' ? '' : 'The command printed:';
  return { call, meaning, summary: '', output: complained.length > 0 ? complained : linesOf(stdout) };
}

function endOf({ exitCode, signal }: { exitCode: number | null; signal: string | null }): string {
  return signal === null ? `box.ts has ended with status ${exitCode}.` : `box.ts was ended by ${signal}.`;
}

function linesOf(text: string): string[] {
  return shorten(printable(text.replaceAll(/file:\/\/\S*\/(levels|solutions)\//g, '$1/')))
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !ofNode.test(line));
}

/** What Node says besides the error and the places in the program. */
const ofNode =
  /^node:internal|^\s*at .*\bnode:|^\s*at async node:|^\s*(?:\^|triggerUncaughtException\(|code: '\w+'|\}|Node\.js v[\d.]+)\s*$/;

/** What the demo adds to the command, so that there is time to look at it: see `holdStill`. */
const holding = /\\necho hold-\w+\\nread -r _/;

function callOf({ call, args }: Step): { call: string; meaning: string } {
  return {
    call: printable(shorten(`${call}(${args.join(', ')})`).replace(holding, '')).replaceAll('\n', ' '),
    meaning: meaningOfCall({ call, args }) ?? '',
  };
}

/** What a system call returned, as strace prints it. A function of Node returns something else, or throws. */
function answer({ call }: Step, shown: string): string {
  return call.endsWith('Sync') ? '' : ` = ${shown}`;
}

/** The line that made the call; null where none of box.ts did, as when the workshop ends a child that threw. */
function lineOf({ places: [nearest] }: Pick<Step, 'places'>, file: string): number | null {
  return nearest?.file === file ? nearest.line : null;
}

/** Functions that a place names at most. */
export const DEPTH = 3;

/** `the child, line 70, run > contain`, with at most so many of the functions: the innermost ones. */
export function shownPlace({ who, path }: Scene['place'], depth = DEPTH): string {
  const names = path.slice(Math.max(0, path.length - depth)).join(' > ');
  return names === '' ? who : `${who}, ${names}`;
}

function placeOf({ process, places }: Step, file: string, line: number | null): Scene['place'] {
  const who = process === '0' ? 'box.ts' : process === '0.1' ? 'the child' : `process ${process}`;
  const own = places.filter((place) => place.file === file);
  const names = own.flatMap(({ function: name }) => (name === null ? [] : [name]));
  const path = [...new Set(names.toReversed())];
  if (line === null) return own.length > 0 ? { who: `${who}, in the workshop's part of it`, path: [] } : { who, path };
  return { who: `${who}, line ${line}`, path };
}

/** What happened since the step before, and was not shown. */
function meanwhile(rows: readonly Row[], repeated: number): string {
  const changed = changedLabels(rows, ['host', 'container']);
  const times = repeated === 1 ? 'once more' : `${repeated} times more`;
  return [
    ...(repeated === 0 ? [] : [`Before this, the loop has made its call ${times}.`]),
    ...(changed.length === 0 ? [] : [`Since the last step this has changed, too: ${list(changed)}.`]),
  ].join(' ');
}

/** Who sees what the call has done. */
function seen(rows: readonly Row[], { container: { name } }: Picture): string {
  const host = changedLabels(rows, ['host']);
  const container = changedLabels(rows, ['container']);
  if (host.length === 0 && container.length === 0) return 'Nothing in this picture has changed.';
  if (host.length === 0) return `Only ${name} sees a change: ${list(container)}. For the host all is as it was.`;
  if (container.length === 0) return `The host sees a change: ${list(host)}.`;
  const others = container.filter((label) => !host.includes(label));
  const more = others.length === 0 ? '' : ` Only ${name} sees: ${list(others)}.`;
  return `Both see a change: ${list(host)}.${more}`;
}

function changedLabels(rows: readonly Row[], sides: readonly ('host' | 'container')[]): string[] {
  return rows
    .filter((row) => sides.some((side) => row[side].some(({ change }) => change !== 'same')))
    .map(({ label, kind }) => (kind === 'namespace' ? `${label} namespace` : label));
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function rowsOf({ picture, before }: Moment): Row[] {
  return picture.facts.map((fact) => {
    const old = before.facts.find(({ label }) => label === fact.label);
    const lines = (side: 'host' | 'container'): Line[] => compare(fact.kind, old?.[side] ?? fact[side], fact[side]);
    return { label: fact.label, kind: fact.kind, host: lines('host'), container: lines('container') };
  });
}

function compare(kind: Fact['kind'], before: readonly string[], now: readonly string[]): Line[] {
  // Whose view it was has ended: nobody is there to see a change.
  if (now.length === 0) return [];
  if (kind !== 'list') {
    const [text = ''] = now;
    const [was] = before;
    return [was === undefined || was === text ? { change: 'same', text } : { change: 'changed', text, was }];
  }
  return diffArrays([...before], [...now]).flatMap(({ value, added, removed }) =>
    value.map((text): Line => ({ change: added ? 'new' : removed ? 'gone' : 'same', text })),
  );
}
