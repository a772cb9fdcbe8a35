// The program around a line, as a screen shows it.
import fs from 'node:fs';
import { diffArrays } from 'diff';
import highlightJs from 'highlight.js/lib/core';
import typescript from 'highlight.js/lib/languages/typescript';
import wrapAnsi from 'wrap-ansi';
import { type Level, neighbours, solutionFile } from '../levels.ts';
import { ink } from '../ink.ts';

highlightJs.registerLanguage('typescript', typescript);

/** A line of a program. */
export type CodeLine = { number: number; plain: string; coloured: string };

/** Few colours, and none that means something elsewhere on the screen. */
const colours: Readonly<Record<string, (text: string) => string>> = {
  'hljs-comment': ink.dim,
  'hljs-keyword': ink.magenta,
  'hljs-string': ink.green,
  'hljs-number': ink.cyan,
};

/** The lines of a program; none where the file cannot be read. */
export function codeOf(file: string): CodeLine[] {
  let source: string;
  try {
    source = fs.readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const coloured = inColour(highlightJs.highlight(source, { language: 'typescript' }).value);
  return source.split('\n').map((plain, index) => ({ number: index + 1, plain, coloured: coloured[index] ?? plain }));
}

/** Spaces by which the second row of a line stands further right than its first. */
const CONTINUED = 4;

/** A line on as many rows of that width as it takes. */
export function wrapped({ plain, coloured }: CodeLine, width: number): string[] {
  if (plain.length <= width) return [coloured];
  const indent = plain.length - plain.trimStart().length;
  const room = Math.max(20, width - indent - CONTINUED);
  const rows = wrapAnsi(coloured.trimStart(), room, { hard: true }).split('\n');
  return rows.map((row, index) => ' '.repeat(indent + (index === 0 ? 0 : CONTINUED)) + row);
}

/** The rows of a line behind what stands before its first one; in bold, where the program stands at this line. */
export function behindGutter(gutter: string, rows: readonly string[], isHere: boolean): string[] {
  return rows.map((text, index) => {
    const row = (index === 0 ? gutter : ' '.repeat(gutter.length)) + text;
    return isHere ? ink.bold(row) : row;
  });
}

/**
 * This line and those around it, on at most `most` rows of that width: the line itself as a whole, and of the others as
 * many as fit with all that stands in them, first the one above, then the one below, and so on.
 */
export function rowsAround(
  code: readonly CodeLine[],
  line: number,
  most: number,
  width: number,
): { number: number; rows: string[] }[] {
  const rowsOf = (number: number): string[] => wrapped(code[number - 1]!, width);
  if (code[line - 1] === undefined) return [];
  const shown = [{ number: line, rows: rowsOf(line).slice(0, most) }];
  let left = most - shown[0]!.rows.length;
  const add = (number: number, put: (one: { number: number; rows: string[] }) => unknown): boolean => {
    if (code[number - 1] === undefined) return false;
    const rows = rowsOf(number);
    if (rows.length > left) return false;
    left -= rows.length;
    put({ number, rows });
    return true;
  };
  for (let [above, below] = [true, true]; above || below;) {
    if (above) above = add(shown[0]!.number - 1, (one) => shown.unshift(one));
    if (below) below = add(shown.at(-1)!.number + 1, (one) => shown.push(one));
  }
  return shown;
}

/** The lines of a level's reference that its predecessor does not have, by number. */
export function newLines(level: Level): Set<number> {
  const { before } = neighbours(level);
  const read = (of: Level): string[] => fs.readFileSync(solutionFile(of), 'utf8').split('\n');
  const lines = new Set<number>();
  let number = 0;
  for (const part of diffArrays(before === null ? [] : read(before), read(level))) {
    if (part.removed) continue;
    for (const _line of part.value) {
      number += 1;
      if (part.added) lines.add(number);
    }
  }
  return lines;
}

/** The lines of highlight.js's HTML with the colours of a terminal. */
function inColour(html: string): string[] {
  const open: string[] = [];
  let text = '';
  for (const [, tag, opened, plain] of html.matchAll(/(<span class="([^"]*)">|<\/span>)|([^<]+)/g)) {
    if (opened !== undefined) open.push(opened);
    else if (tag !== undefined) open.pop();
    else text += painted(unescape(plain!), open);
  }
  return text.split('\n');
}

/** Each line by itself, since each is printed by itself. */
function painted(text: string, classes: readonly string[]): string {
  const colour = classes.map((name) => colours[name.split(' ')[0]!]).findLast((found) => found !== undefined);
  return colour === undefined ? text : text.replaceAll(/[^\n]+/g, (line) => colour(line));
}

function unescape(html: string): string {
  const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" };
  return html.replaceAll(/&([a-z]+|#x27);/g, (all, name: string) => characters[name] ?? all);
}
