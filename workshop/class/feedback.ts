// What a student gets to read: each level as `npm run check` shows it at home.
import { report, wordsOf } from '../grading/report.ts';
import { printable } from '../grading/printable.ts';
import { findLevel, type Level } from '../levels.ts';
import type { Outcome, Verdict } from './verdict.ts';

/** The whole text, in 80 columns and without colour. */
export function feedback({ student, verdicts }: Outcome): string {
  const lines = [printable(student), ''];
  for (const verdict of verdicts) {
    const { level, status, checksPassed, checksTotal } = verdict;
    if (level !== null) lines.push(`${level}: ${status}, ${checksPassed} of ${checksTotal} checks`);
  }
  const parts = verdicts.map((verdict) => `${'-'.repeat(80)}\n${title(verdict)}\n\n${body(verdict)}`);
  return `${lines.join('\n')}\n\n${parts.join('\n')}`;
}

function title({ level }: Verdict): string {
  return level ?? 'What you handed in';
}

function body(verdict: Verdict): string {
  if (verdict.result !== null) return asAtHome(findLevel(verdict.level!)!, verdict);
  const reason = printable(verdict.reason ?? '');
  switch (verdict.status) {
    case 'unusable':
      return `This could not be graded: ${reason}.\nHand in levels/NN-name/box.ts of each level, in a folder, a tar, a zip or a git bundle.\n`;
    case 'missing':
      return `${reason}.\n`.replace(/^./, (letter) => letter.toUpperCase());
    case 'stopped':
      return `This was stopped: ${reason}. Does your program come to an end?\n`;
    case 'fault':
      return `The grader broke. This says nothing about your program, and is no result.\n`;
    case 'passed':
    case 'failed':
      throw new Error(`a verdict "${verdict.status}" without a result`);
  }
}

function asAtHome(level: Level, { result }: Verdict): string {
  return report({ ...result!, target: 'student' }, { plain: true, columns: 80 }, wordsOf(level));
}
