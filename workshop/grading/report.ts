// The report of a grading for a person: one line a check, then the first failure in full.
import { stripVTControlCharacters } from 'node:util';
import chalk, { Chalk, type ChalkInstance } from 'chalk';
import wrapAnsi from 'wrap-ansi';
import { type Level, neighbours, spoken } from '../levels.ts';
import { printable } from './printable.ts';
import type { CheckResult, CheckStatus, GradeResult } from './result.ts';

/** How it looks. */
export type ReportStyle = {
  /** Words in place of symbols, and no colour. */
  plain: boolean;
  /** Columns; never more than 80 are used. */
  columns: number;
};

const symbols: Record<CheckStatus, string> = { passed: '✓', failed: '✗', blocked: '○' };
const words: Record<CheckStatus, string> = { passed: 'passed ', failed: 'FAILED ', blocked: 'blocked' };

/** What a report names of a level: the command that grades it, the level that follows, its files. */
export function wordsOf(level: Level): Parameters<typeof report>[2] {
  const { next } = neighbours(level);
  return {
    command: `npm run check ${spoken(level)}`,
    nextLevel: next === null ? null : spoken(next),
    lesson: `levels/${level.name}/README.md`,
    file: `levels/${level.name}/box.ts`,
  };
}

/** The whole report, ready to print, with a newline at its end. */
export function report(
  result: GradeResult,
  style: ReportStyle,
  words: { command: string; nextLevel: string | null; lesson: string; file: string },
): string {
  const width = Math.min(80, Math.max(40, style.columns));
  const paint = painter(style);
  const lines: string[] = [];
  const failures = result.checks.filter(({ status }) => status === 'failed');
  const first = failures[0];
  for (const check of result.checks) lines.push(...checkLine(check, style, width));
  lines.push('');
  if (first === undefined) {
    lines.push(paint.green.bold(`${result.level}: all ${result.checks.length} checks passed`));
    if (result.target === 'student') {
      lines.push(words.nextLevel === null ? 'That was the last level.' : `Next: npm run check ${words.nextLevel}`);
    }
    return lines.join('\n') + '\n';
  }
  lines.push(...(first.mistake === 'todo-left' ? beginning(first, width, paint, words) : failure(first, width, paint)));
  const others = failures.length - 1;
  const blocked = result.checks.filter(({ status }) => status === 'blocked').length;
  const more = [
    ...(others > 0 ? [`${others} more failed`] : []),
    ...(blocked > 0 ? [`${blocked} blocked, waiting for an earlier one`] : []),
  ];
  if (more.length > 0 && first.mistake !== 'todo-left') lines.push('', paint.dim(`(${more.join('; ')})`));
  return lines.join('\n') + '\n';
}

function checkLine(check: CheckResult, style: ReportStyle, width: number): string[] {
  const paint = painter(style);
  const colour = { passed: paint.green, failed: paint.red, blocked: paint.dim }[check.status];
  const mark = style.plain ? words[check.status] : symbols[check.status];
  return hang(`${colour(mark)} ${check.id} `, check.title, width, (text) =>
    check.status === 'blocked' ? paint.dim(text) : text,
  );
}

/** The first failure: what we ran, expected, actual, evidence, what it means, and where to go on. */
function failure(check: CheckResult, width: number, paint: ChalkInstance): string[] {
  const part = (name: string, text: string | undefined, style = (word: string): string => word): string[] =>
    text === undefined || text === '' ? [] : hang(paint.bold(name.padEnd(10)), text, width, style);
  return [
    ...wrap(paint.red.bold(`${check.id} ${check.title}`), width),
    '',
    ...part('we ran', check.tried),
    ...part('expected', check.expected, paint.green),
    ...part('actual', check.actual, paint.red),
    ...evidence(check.evidence ?? [], width, paint),
    '',
    ...part('meaning', check.why),
    '',
    ...part('look at', check.at ? `${check.at.file}:${check.at.line}` : undefined, paint.cyan),
    ...part('reproduce', check.reproduce, paint.cyan),
    ...part('read', check.read === undefined ? undefined : `man ${manual(check.read)}`),
    ...part('hint', check.next, paint.cyan),
  ];
}

/** A level that is only beginning, or goes on at its next TODO: no failure, but a step. */
function beginning(
  check: CheckResult,
  width: number,
  paint: ChalkInstance,
  words: { command: string; lesson: string; file: string },
): string[] {
  const todo = (check.evidence ?? [])
    .map((line) => /Error: (TODO \d+): (.*)/.exec(line))
    .find((match) => match !== null);
  const place = check.at ? `${check.at.file}:${check.at.line}` : words.file;
  const part = (name: string, text: string, style = (word: string): string => word): string[] =>
    hang(paint.bold(name.padEnd(10)), text, width, style);
  return [
    ...wrap(paint.bold(`Your next step is ${todo?.[1] ?? 'the first TODO'}.`), width),
    '',
    ...part('open', place, paint.cyan),
    ...part('do', todo === undefined ? (check.expected ?? '') : withoutTheThrow(todo[2]!, check.at?.line)),
    ...part('lesson', words.lesson, paint.cyan),
    ...part('then', words.command, paint.cyan),
    ...part('stuck?', check.next ?? '', paint.cyan),
  ];
}

/** What a TODO says, and that its `throw` is to go. */
function withoutTheThrow(todo: string, line: number | undefined): string {
  if (/remove this line/.test(todo)) return todo;
  return `${todo}. When that is done, take away the throw${line === undefined ? '' : ` in line ${line}`}`;
}

function evidence(lines: string[], width: number, paint: ChalkInstance): string[] {
  return lines.flatMap((line, index) => hang(paint.bold((index === 0 ? 'evidence' : '').padEnd(10)), line, width));
}

/** `fork(2)` as one types it: `2 fork`. A section can have a suffix: `2const`. */
function manual(page: string): string {
  const match = /^(.*)\((\d\w*)\)$/.exec(page);
  return match === null ? page : `${match[2]} ${match[1]}`;
}

/** Text with a head, its further lines standing below its first word. */
function hang(head: string, text: string, width: number, style = (word: string): string => word): string[] {
  const indent = visible(head);
  return wrap(printable(text), width - indent).map(
    (line, index) => (index === 0 ? head : ' '.repeat(indent)) + style(line),
  );
}

function wrap(text: string, width: number): string[] {
  const words = text.split(' ').map((word) => (visible(word) > width ? `\n${pieces(word, width).join('\n')}` : word));
  return wrapAnsi(words.join(' '), width, { hard: true })
    .trimStart()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** A word that is too long for a line, in lines: it ends before a comma, if there is one, or behind a bar or a slash. */
function pieces(word: string, width: number): string[] {
  if (visible(word) <= width) return [word];
  const line = word.slice(0, width);
  // Behind a comma it would look as if there was a space, which is a mistake of its own in the data of a mount.
  const ends = [line.lastIndexOf(','), line.lastIndexOf('|') + 1, line.lastIndexOf('/') + 1];
  const end = ends.find((place) => place > width / 3) ?? width;
  return [word.slice(0, end), ...pieces(word.slice(end), width)];
}

function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}

function painter(style: ReportStyle): ChalkInstance {
  return style.plain ? plainChalk : chalk;
}

const plainChalk = new Chalk({ level: 0 });
