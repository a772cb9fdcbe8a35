// A check that did not pass, in a few lines for the formats that have one text for it.
import { printable } from '../grading/printable.ts';
import type { CheckResult } from '../grading/result.ts';

/** What is wrong, and where to go on. */
export function failureText(check: CheckResult): string {
  if (check.status === 'blocked') return 'Not looked at: an earlier check that it needs has not passed.';
  const { tried, expected, actual, evidence = [], why, at, read, next } = check;
  const lines = [
    tried && `we ran: ${tried}`,
    `expected: ${expected}`,
    `actual: ${actual}`,
    ...evidence.map((line) => `evidence: ${line}`),
    why && `meaning: ${why}`,
    at && `look at: ${at.file}:${at.line}`,
    read && `read: ${read}`,
    next && `hint: ${next}`,
  ];
  return printable(lines.filter(Boolean).join('\n'));
}
