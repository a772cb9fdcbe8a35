// The table of all verdicts, for a spreadsheet.
import { stringify } from 'csv-stringify/sync';
import type { Verdict } from './verdict.ts';

const columns = [
  'student',
  'level',
  'checks_passed',
  'checks_total',
  'status',
  'phase',
  'durationMs',
  'graderVersion',
] as const;

/** The first line. */
export const csvHead = `${columns.join(',')}\n`;

/** The lines of some verdicts. A name that a spreadsheet would take for a formula is quoted for it. */
export function csvLines(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    verdict.student,
    verdict.level ?? '',
    verdict.checksPassed,
    verdict.checksTotal,
    verdict.status,
    verdict.phase,
    verdict.durationMs,
    verdict.graderVersion,
  ]);
  return stringify(rows, { escape_formulas: true });
}
