// What a check finds, and the misconceptions that explain it.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
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
export function showCall(line: TraceLine): string {
  const outcome = line.phase === 'begins' ? '' : ` = ${line.errno === null ? line.result : `-1 ${line.errno}`}`;
  const place = locationOf(line);
  const where = place === null ? '' : `   ${place.file.split('/').at(-1)}:${place.line}`;
  return `${line.call}(${line.args.join(', ')})${outcome}${where}`;
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

/** The last lines that the program wrote to stderr, as evidence. */
export function showStderr(run: Run, lines = 6): string[] {
  return run.stderr
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, lines)
    .map((line) => `stderr: ${line.trim().replaceAll(/file:\/\/\S*\/(levels|solutions)\//g, '$1/')}`);
}
