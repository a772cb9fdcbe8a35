// What a check finds, and the misconceptions that explain it.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { brief } from '../../linux/argument.ts';
import type { TraceLine } from '../../linux/trace.ts';
import type { Run } from './run.ts';
import type { Location } from './result.ts';
import { shownFile } from './student-program.ts';

/** Why a check does not hold: what was expected of the kernel's evidence, and what it says. */
export type Finding = {
  expected: string;
  actual: string;
  /** Lines that prove it. */
  evidence?: string[];
  /** The place in box.ts, where the finding knows it. */
  at?: TraceLine | undefined;
  /** What a student types after `run` to see it, where that is not what the check says. */
  reproduce?: string;
  /** The run that shows it, where it is not the check's own: the report is about that one then. */
  seenIn?: Run;
};

/** A belief about Linux that is wrong, and how a failure shows that somebody holds it. */
export type Misconception = {
  /** Its name for ever: `no-chdir-after-chroot`. */
  slug: string;
  /** The checks whose failure it can explain. */
  checks: readonly string[];
  /** What is really so, in a student's words, without the code. */
  why: string;
  /** The manual page to read, where that of the check is about something else: `umask(2)`. */
  man?: string;
  /** The check whose hints are about it, where that is not the one that fails. */
  hint?: string;
  /** Words of the line in box.ts that it is about, where no system call leads there; of several, the first that is found. */
  line?: RegExp | readonly RegExp[];
  /** Whether the evidence shows it. A line of the trace says in addition where. */
  shows(run: Run, finding: Finding): boolean | TraceLine | undefined;
};

/** The first traced call with this name for which `also` holds. */
export function findCall(
  run: Run,
  call: string | readonly string[],
  also: (line: TraceLine) => boolean = () => true,
): TraceLine | undefined {
  const names = typeof call === 'string' ? [call] : call;
  return run.trace.find((line) => names.includes(line.call) && also(line));
}

/** Whether the call was made by a child of the program, and not by the program's first process. */
export function inChild(line: TraceLine): boolean {
  return line.process !== '0';
}

/** A traced call as strace would print it, with its place: `chroot("/x") = 0   box.ts:12`. */
function showCall(line: TraceLine): string {
  const outcome = line.phase === 'begins' ? '' : ` = ${line.errno === null ? showResult(line) : `-1 ${line.errno}`}`;
  const place = locationOf(line);
  const where = place === null ? '' : `   ${place.file.split('/').at(-1)}:${place.line}`;
  return `${line.call}(${line.args.map(brief).join(', ')})${outcome}${where}`;
}

/** Traced calls, in the order in which they ended. One that began is not told once more where its end is known. */
export function showCalls(lines: readonly TraceLine[]): string[] {
  const endOf = ({ process, call, args }: TraceLine, after: number): boolean =>
    lines.some(
      (other, index) =>
        index > after && other.process === process && other.call === call && isDeepStrictEqual(other.args, args),
    );
  return lines.filter((line, index) => line.phase === 'done' || !endOf(line, index)).map(showCall);
}

/** A umask is a set of permission bits, and nobody reads those in decimal. */
export function showResult({ call, result }: TraceLine): string {
  return call === 'umask' && result !== null ? `0${result.toString(8)}` : String(result);
}

/** The place that a traced call came from. */
export function locationOf(line: TraceLine): Location | null {
  return line.file === null || line.line === null ? null : { file: shownFile(line.file), line: line.line };
}

/** The first place in box.ts that a stack on stderr names. */
export function locationInStack(run: Run): Location | null {
  // Modules have URLs, in which a space is %20.
  const names = [run.file, pathToFileURL(run.file).pathname].map((file) => `/${path.basename(file)}`);
  for (const [, file, line] of run.stderr.matchAll(/((?:file:\/\/)?\/[^\s():]+):(\d+)(?::\d+)?\)?/g)) {
    if (names.some((name) => file!.endsWith(name))) return { file: shownFile(file!), line: Number(line) };
  }
  return null;
}

/** The first line of box.ts that has such words in it, besides comments. */
export function lineWith(run: Run, words: RegExp): Location | null {
  const lines = fs.readFileSync(run.file, 'utf8').split('\n');
  const index = lines.findIndex((line) => words.test(line.replace(/\/\/.*|^\s*(\/\*|\*).*/, '')));
  return index === -1 ? null : { file: shownFile(run.file), line: index + 1 };
}

/** How the run ended, in words. */
export function showEnd(run: Run): string {
  if (run.timedOut) return 'it did not end by itself';
  if (run.signal !== null) return `it was ended by ${run.signal}`;
  return `it ended with status ${run.exitCode}`;
}

/** Characters of a line of stderr that are shown. */
const LINE = 400;
/** Of a stack, the calls in box.ts that are shown; the report names the first one's line anyway. */
const FRAMES = 2;

/** The first lines that the program wrote to stderr, as evidence. Of a stack only what is in box.ts. */
export function showStderr(run: Run, lines = 6): string[] {
  const own = `${pathToFileURL(run.file).href}:`;
  const name = path.basename(run.file);
  let frames = 0;
  const shown = withoutNode(run.stderr.split('\n'), own, name).flatMap((written) => {
    const line = written.trim();
    if (line === '') return [];
    const place = /^at (?:async )?(?:([\w.]+) \(|.* \()?(.*:\d+):\d+\)?(?: \{)?$/.exec(line);
    if (place === null) {
      frames = 0;
      return line.length > LINE ? `${line.slice(0, LINE)} …` : line;
    }
    if (!place[2]!.startsWith(own) || ++frames > FRAMES) return [];
    const caller = place[1] === undefined ? '' : `${place[1]}, `;
    return `at ${caller}${name}:${place[2]!.slice(own.length)}`;
  });
  return shown
    .slice(0, lines)
    .map((line) => `stderr: ${line.replaceAll(/file:\/\/\S*\/(levels|solutions)\//g, '$1/')}`);
}

/**
 * What Node writes of an error that nobody catches begins with a line of Node itself or of box.ts, and ends with the
 * version of Node. Kept of it are the line of box.ts and the error.
 */
function withoutNode(lines: readonly string[], own: string, name: string): string[] {
  const error = lines.findIndex((line) => /^\w*Error(?: \[\w+\])?: /.test(line));
  const begin = lines.slice(0, Math.max(error, 0)).findIndex((line) => /^(?:node:|file:).*:\d+$/.test(line));
  if (begin === -1) return [...lines];
  const about = lines.slice(begin, error);
  const place = about.find((line) => line.startsWith(own));
  const mark = about.findLastIndex((line) => /^\s*\^+\s*$/.test(line));
  const quoted = place === undefined ? [] : [`${name}:${place.slice(own.length)}: ${(about[mark - 1] ?? '').trim()}`];
  const rest = lines.slice(error).filter((line) => !/^(?:Node\.js v|  code: '|\}$)/.test(line));
  // Who imports is our loader, to Node.
  const told = rest.map((line) => line.replace(/ imported from \S*program-loader\.cts$/, ''));
  return [...lines.slice(0, begin), ...quoted, ...told];
}
