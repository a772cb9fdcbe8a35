// What a student gets to read: each level as `npm run check` shows it at home.
import wrapAnsi from 'wrap-ansi';
import { report, wordsOf } from '../grading/report.ts';
import { printable } from '../grading/printable.ts';
import { findLevel, type Level } from '../levels.ts';
import type { Outcome, Verdict } from './verdict.ts';

/**
 * The whole text, in 80 columns and without colour.
 *
 * @param asked the names of the levels that everybody has to hand in; null where any will do
 */
export function feedback({ student, verdicts }: Outcome, asked: readonly string[] | null): string {
  const lines = [printable(student), ''];
  for (const verdict of verdicts) {
    const { level, status, checksPassed, checksTotal } = verdict;
    if (level !== null) lines.push(`${level}: ${status}, ${checksPassed} of ${checksTotal} checks`);
  }
  const parts = verdicts.map((verdict) => `${'-'.repeat(80)}\n${title(verdict)}\n\n${body(verdict, asked)}`);
  return `${lines.join('\n')}\n\n${parts.join('\n')}`;
}

function title({ level }: Verdict): string {
  return level ?? 'What you handed in';
}

function body(verdict: Verdict, asked: readonly string[] | null): string {
  if (verdict.result !== null) return asAtHome(findLevel(verdict.level!)!, verdict);
  const sentence = (text: string): string => `${wrapAnsi(`${text}.`, 80, { hard: true })}\n`;
  const reason = printable(verdict.reason ?? '');
  switch (verdict.status) {
    case 'unusable':
      return sentence(`This could not be graded: ${reason}`) + whatToHandIn(asked);
    case 'missing':
      return sentence(reason.replace(/^./, (letter) => letter.toUpperCase())) + whatToHandIn(asked);
    case 'stopped':
      return `This was stopped: ${reason}. Does your program come to an end?\n`;
    case 'fault':
      return `The grader broke. This says nothing about your program, and is no result.\n`;
    case 'passed':
    case 'failed':
      throw new Error(`a verdict "${verdict.status}" without a result`);
  }
}

/** What is to be handed in, and how. */
function whatToHandIn(asked: readonly string[] | null): string {
  const how = 'in a folder, a tar, a zip or a git bundle';
  if (asked === null) return `Hand in levels/NN-name/box.ts of each level,\n${how}.\n`;
  const alone = asked.length === 1 ? ' (or this box.ts alone)' : '';
  const files = asked.map((name) => `  levels/${name}/box.ts${alone}\n`);
  return `Hand in, ${how}:\n${files.join('')}`;
}

function asAtHome(level: Level, { result }: Verdict): string {
  return report({ ...result!, target: 'student' }, { plain: true, columns: 80 }, wordsOf(level));
}
