// A scene on a whole screen: everything has its place and keeps it, and only what changed is highlighted.
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { behindGutter, type CodeLine, rowsAround } from './code.ts';
import { ink } from '../ink.ts';
import { DEPTH, type Line, type Row, type Scene, shownPlace } from './scene.ts';

/** The smallest screen on which both views fit beside each other. */
export const smallest = { columns: 100, rows: 30 } as const;

const LABEL = 15;
/** Rows of what is said: the call, its meaning, and what happened. */
const SPOKEN = { call: 2, meaning: 2, summary: 2 } as const;
const CODE_ROWS = 5;
/** Columns before a line of the program: the arrow and the line's number. */
const GUTTER = 8;
/** Rows beyond the fewest with which a list has one for each of its entries, as a rule. */
const WHOLE_LISTS = { mounts: 4, processes: 2 } as const;
/** The title, the rule below it and the one below the code, the columns' heads, the keys. */
const FIXED_ROWS = 5;

/** All rows of the screen, from the top down; exactly as many as it has. */
export function screenOf(
  scene: Scene,
  code: readonly CodeLine[],
  size: { columns: number; rows: number },
  keys: string,
): string[] {
  const spoken = SPOKEN.call + SPOKEN.meaning + SPOKEN.summary;
  // The lists grow first, then the program; where there is much to tell of the machine, the program makes room.
  const spare = size.rows - FIXED_ROWS - spoken - CODE_ROWS - tableRows(scene.rows);
  const codeRows = CODE_ROWS + (spare < 0 ? spare : Math.max(0, spare - WHOLE_LISTS.mounts - WHOLE_LISTS.processes));
  const table = size.rows - FIXED_ROWS - spoken - codeRows;
  const width = size.columns;
  return [
    title(scene, width),
    rule(width),
    ...filled(codeWindow(scene, code, codeRows, width), codeRows),
    rule(width),
    ...speech(scene, width, spoken),
    ...tableOf(scene, table, width),
    ink.dim(keys),
  ];
}

/** One row. Where there is no room for all the functions, the outer ones are left out. */
function title({ title: level, number, place, isNew }: Scene, width: number): string {
  const left = ` ${level}${isNew ? '   new in this level' : ''}`;
  if (number === null) return ink.bold(left);
  const depths = Array.from({ length: DEPTH + 1 }, (_none, index) => DEPTH - index);
  const rights = depths.map((depth) => `   ${shownPlace(place, depth)}   step ${number} `);
  const right = rights.find((one) => left.length + one.length <= width) ?? `   step ${number} `;
  return ink.bold(left + right.padStart(width - left.length));
}

function rule(width: number): string {
  return ink.dim('─'.repeat(width));
}

function codeWindow({ line, kind }: Scene, code: readonly CodeLine[], rows: number, width: number): string[] {
  if (line === null) return [];
  return rowsAround(code, line, rows, width - GUTTER).flatMap(({ number, rows: texts }) => {
    const isHere = number === line;
    // It points at the line until the line is done.
    const arrow = isHere ? (kind === 'before' || kind === 'waits' ? '▶' : '✓') : ' ';
    const gutter = ` ${arrow} ${String(number).padStart(3)}  `;
    return behindGutter(gutter, texts, isHere);
  });
}

function speech(scene: Scene, width: number, rows: number): string[] {
  const paint = scene.failed ? ink.red.bold : ink.bold;
  const part = (text: string, most: number, style: (line: string) => string): string[] =>
    filled(cut(wrap(text, width - 2), most, width - 2), most).map((line) => ` ${style(line)}`);
  if (scene.output.length > 0) {
    const heads = [...wrap(scene.call, width - 2).map((line) => paint(line)), ...wrap(scene.meaning, width - 2)];
    const lines = scene.output.flatMap((line) => wrap(line, width - 6)).map((line) => `    ${line}`);
    return filled([...heads, ...cut(lines, rows - heads.length, width - 2)], rows).map((line) => ` ${line}`);
  }
  return [
    ...part(scene.call, SPOKEN.call, paint),
    ...part(scene.meaning, SPOKEN.meaning, (line) => line),
    ...part(scene.summary, SPOKEN.summary, scene.failed ? ink.red : ink.cyan),
  ];
}

// ---- both views, side by side ----------------------------------------------------------------------------------

/** A piece of text of a cell, and what has become of it. */
type Piece = { text: string; change: Line['change'] };

/** The fewest rows that a table needs. */
export function tableRows(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + fewest(row), 0) - Math.ceil(countNamespaces(rows) / 2);
}

function fewest({ label, kind }: Row): number {
  if (kind !== 'list') return 1;
  return { mounts: 3, processes: 1, network: 5 }[label] ?? 2;
}

function countNamespaces(rows: readonly Row[]): number {
  return rows.filter(({ kind }) => kind === 'namespace').length;
}

function tableOf(scene: Scene, height: number, width: number): string[] {
  const column = Math.floor((width - LABEL - 2) / 2);
  const line = (label: string, host: string, container: string): string =>
    ` ${label.padEnd(LABEL - 1)}${host}${' '.repeat(Math.max(0, column - stringWidth(host)))}  ${container}`;
  const head = line('', scene.columns.host, scene.columns.container);
  // Rows that are left over go to the lists, which grow: what there is for mounts most of all.
  const spare = Math.max(0, height - tableRows(scene.rows));
  const forProcesses = Math.max(0, Math.min(WHOLE_LISTS.processes, spare - WHOLE_LISTS.mounts));
  const more: Readonly<Record<string, number>> = { processes: forProcesses, mounts: spare - forProcesses };
  const heightOf = (row: Row): number => fewest(row) + (more[row.label] ?? 0);
  const namespaces = scene.rows.filter(({ kind }) => kind === 'namespace');
  const body = scene.rows.flatMap((row) => {
    if (row.kind === 'namespace') {
      if (row !== namespaces[0]) return [];
      const pairs = Array.from({ length: Math.ceil(namespaces.length / 2) }, (_none, index) => index);
      return pairs.map((index) => {
        const [left, right] = [namespaces[index]!, namespaces[index + pairs.length]];
        const cell = (side: 'host' | 'container'): string =>
          namespaceCell(left, side) + (right === undefined ? '' : `   ${namespaceCell(right, side)}`);
        return line(index === 0 ? 'namespaces' : '', cell('host'), cell('container'));
      });
    }
    const rows = heightOf(row);
    const [host, container] = [cellOf(row, 'host', rows, column), cellOf(row, 'container', rows, column)];
    return Array.from({ length: rows }, (_none, index) =>
      line(index === 0 ? row.label : '', host[index] ?? '', container[index] ?? ''),
    );
  });
  return [ink.bold(head), ...filled(body, height)];
}

function namespaceCell(row: Row, side: 'host' | 'container'): string {
  const [line] = row[side];
  if (line === undefined) return '';
  const text = `${row.label.padEnd(7)}${line.text}`;
  if (line.change !== 'same') return highlighted(`* ${text}`);
  const isShared = side === 'container' && line.text === row.host[0]?.text;
  return isShared ? ink.dim(`  ${text}`) : `  ${text}`;
}

/**
 * A cell of at most that many rows. A list has one entry a row where it fits, or else several. Where that is still too
 * much, entries that have not changed are counted in place of being shown, then those that are gone.
 */
function cellOf(row: Row, side: 'host' | 'container', rows: number, column: number): string[] {
  const pieces = row[side].map((line) => pieceOf(line, column));
  if (pieces.length <= rows) return pieces.map(painted);
  const hasHead = row.label === 'mounts';
  const hasChanged = pieces.some(({ change }) => change !== 'same');
  const ways = hasChanged
    ? [pieces, ...counted(pieces, 'same', hasHead), ...counted(pieces, 'gone', hasHead)]
    : [pieces];
  const packedWays = ways.map((way) => pack(way, column, hasHead));
  const fitting = packedWays.find((packed) => packed.length <= rows);
  if (fitting !== undefined) return fitting.map((line) => line.map(painted).join('  '));
  const packed = packedWays.at(-1)!;
  // The last ones are the newest.
  const hidden = packed.slice(1, packed.length - rows + 2).flat().length;
  const kept: Piece[][] = [
    ...packed.slice(0, 1),
    [{ text: `  … ${hidden} more`, change: 'same' }],
    ...packed.slice(packed.length - rows + 2),
  ];
  return kept.slice(0, rows).map((line) => line.map(painted).join('  '));
}

/** The pieces with ever more of one kind counted in place of being shown, from the first on; a head stays. */
function counted(pieces: readonly Piece[], change: 'same' | 'gone', hasHead: boolean): Piece[][] {
  const all = pieces.filter((piece) => piece.change === change).slice(hasHead ? 1 : 0);
  return all.slice(1).map((_none, index) => {
    const hidden = all.slice(0, index + 2);
    const note: Piece = { text: `${change === 'gone' ? '-' : ' '} … ${hidden.length} more`, change };
    return pieces.flatMap((piece) => (piece === hidden[0] ? [note] : hidden.includes(piece) ? [] : [piece]));
  });
}

function pieceOf({ change, text, was }: Line, column: number): Piece {
  const marks = { same: ' ', changed: '*', new: '+', gone: '-' } as const;
  const both = was === undefined ? text : `${was} → ${text}`;
  const shown = stringWidth(both) + 2 > column ? text : both;
  const whole = `${marks[change]} ${shown}`;
  return { text: whole.length > column ? `${whole.slice(0, column - 1)}…` : whole, change };
}

/** @param hasHead whether the first piece says what the others are, and stands alone */
function pack(pieces: readonly Piece[], column: number, hasHead: boolean): Piece[][] {
  const rows: Piece[][] = [];
  for (const [index, piece] of pieces.entries()) {
    const last = rows.at(-1);
    const length = (last ?? []).reduce((sum, { text }) => sum + stringWidth(text) + 2, 0);
    if (last === undefined || (hasHead && index === 1) || length + stringWidth(piece.text) > column) rows.push([piece]);
    else last.push(piece);
  }
  return rows;
}

function painted({ text, change }: Piece): string {
  if (change === 'gone') return ink.dim.strikethrough(text);
  return change === 'same' ? text : highlighted(text);
}

function highlighted(text: string): string {
  return ink.inverse(text);
}

// ---- rows ------------------------------------------------------------------------------------------------------

function wrap(text: string, width: number): string[] {
  return text === '' ? [] : wrapAnsi(text, width, { hard: true }).split('\n');
}

/** At most that many rows; the last one says where something is missing. */
function cut(lines: readonly string[], most: number, width: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most - 1), `${lines[most - 1]!.slice(0, width - 2)} …`];
}

function filled(lines: readonly string[], rows: number): string[] {
  return [...lines, ...Array<string>(Math.max(0, rows - lines.length)).fill('')].slice(0, rows);
}
