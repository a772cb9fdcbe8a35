// The program around a line, as a screen shows it.
import fs from 'node:fs';
import { diffArrays } from 'diff';
import highlightJs from 'highlight.js/lib/core';
import typescript from 'highlight.js/lib/languages/typescript';
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

/** `count` lines with this one in their middle, or as near to it as the program's ends allow. */
export function around(code: readonly CodeLine[], line: number, count: number): CodeLine[] {
  const first = Math.max(0, Math.min(line - 1 - Math.floor(count / 2), code.length - count));
  return code.slice(first, first + count);
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
