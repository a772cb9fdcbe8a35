// Scenes as text, one below the other: for a pipe, and for a terminal that is too small for the screen.
import wrapAnsi from 'wrap-ansi';
import { behindGutter, type CodeLine, wrapped } from './code.ts';
import { ink } from '../ink.ts';
import { type Line, type Row, type Scene, shownPlace } from './scene.ts';

/** Columns from which both views fit beside each other. */
const SIDE_BY_SIDE = 90;
const MOST_COLUMNS = 100;
const CODE_LINES = 5;
const LABEL = 16;

/** @param isWhole whether the scene shows the whole picture, and not only what changed in it */
export function sceneText(scene: Scene, code: readonly CodeLine[], columns: number, isWhole: boolean): string {
  const width = Math.min(columns, MOST_COLUMNS);
  const isAnswer = ['after', 'waits', 'gone', 'runs'].includes(scene.kind);
  const lines: string[] = [];
  if (!isAnswer) lines.push(...heading(scene, width), ...window(scene, code, width));
  const call = wrap(scene.call, width - 2, '  ');
  lines.push(...(isAnswer && scene.failed ? call.map((line) => ink.red(line)) : call.map((line) => ink.bold(line))));
  if (!isAnswer) lines.push(...wrap(scene.meaning, width - 2, '  '));
  for (const line of scene.output) lines.push(...wrap(line, width - 4, '    '));
  const summary = wrap(scene.summary, width - 2, '  ');
  lines.push(...(scene.failed ? summary.map((line) => ink.red(line)) : summary));
  const rows = scene.rows.filter((row) => (isWhole && scene.number !== null) || hasChanged(row));
  if (rows.length > 0)
    lines.push(...(width < SIDE_BY_SIDE ? stacked(rows, scene, width) : besides(rows, scene, width)));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function heading({ number, title, place, isNew }: Scene, width: number): string[] {
  const what = number === null ? title : `${number}. ${shownPlace(place)}${isNew ? ', new in this level' : ''}`;
  return ['', ...wrap(what, width, '').map((line) => ink.underline(line))];
}

function window({ line, kind }: Scene, code: readonly CodeLine[], width: number): string[] {
  if (line === null || kind === 'ended' || kind === 'hangs') return [];
  const first = Math.max(0, Math.min(line - 1 - Math.floor(CODE_LINES / 2), code.length - CODE_LINES));
  return code.slice(first, first + CODE_LINES).flatMap((one) => {
    const gutter = `${one.number === line ? '>' : ' '} ${String(one.number).padStart(4)}  `;
    return behindGutter(gutter, wrapped(one, width - gutter.length), one.number === line);
  });
}

function hasChanged({ host, container }: Row): boolean {
  return [...host, ...container].some(({ change }) => change !== 'same');
}

function besides(rows: readonly Row[], { columns }: Scene, width: number): string[] {
  const column = Math.floor((width - 2 - LABEL - 2) / 2);
  const row = (label: string, host: string, container: string, paint = [plain, plain]): string =>
    `  ${label.padEnd(LABEL)}${paint[0]!(host.padEnd(column))}  ${paint[1]!(container)}`;
  return [
    row('', columns.host, columns.container, [ink.dim, ink.dim]),
    ...rows.flatMap((one) => {
      const [host, container] = [rendered(one.host, column), rendered(one.container, column)];
      const height = Math.max(host.length, container.length);
      return Array.from({ length: height }, (_none, index) =>
        row(index === 0 ? labelOf(one) : '', host[index]?.text ?? '', container[index]?.text ?? '', [
          paintOf(host[index]),
          paintOf(container[index]),
        ]),
      );
    }),
  ];
}

function stacked(rows: readonly Row[], { columns }: Scene, width: number): string[] {
  return rows.flatMap((row) => {
    const side = (name: string, lines: readonly Line[]): string[] =>
      lines.length === 0
        ? []
        : [ink.dim(`    ${name}`), ...rendered(lines, width - 6).map((line) => `      ${paintOf(line)(line.text)}`)];
    return [`  ${labelOf(row)}`, ...side(columns.host, row.host), ...side(columns.container, row.container)];
  });
}

function labelOf({ label, kind }: Row): string {
  return kind === 'namespace' ? `${label} namespace` : label;
}

type Rendered = { text: string; changed: boolean };

/** With a mark before what changed, which is there also without colours. */
function rendered(lines: readonly Line[], width: number): Rendered[] {
  return lines.flatMap(({ change, text, was }) => {
    const shown = was === undefined ? text : `${was} → ${text}`;
    const marks = { same: ' ', changed: '*', new: '+', gone: '-' } as const;
    return wrap(shown, width - 2, '').map((line, index) => ({
      text: `${index === 0 ? marks[change] : ' '} ${line}`,
      changed: change !== 'same',
    }));
  });
}

function paintOf(line: Rendered | undefined): (text: string) => string {
  return line?.changed ? ink.bold : plain;
}

function plain(text: string): string {
  return text;
}

function wrap(text: string, width: number, indent: string): string[] {
  if (text === '') return [];
  return wrapAnsi(text, Math.max(width, 20), { hard: true })
    .split('\n')
    .map((line) => indent + line);
}
