// Everything that a run writes for people and for other programs, made from its journal. Each file is there whole or
// not at all; written again from the same journal, all of them are the same.
import fs from 'node:fs';
import path from 'node:path';
import { junit } from '../grading/junit.ts';
import { openAtomicFile, writeAtomically } from './atomic-file.ts';
import { type Classroom, classroom50 } from './classroom50.ts';
import { csvHead, csvLines } from './csv.ts';
import { exercism } from './exercism.ts';
import { feedback } from './feedback.ts';
import { gradescope } from './gradescope.ts';
import { hasFault, type Journal } from './journal.ts';
import { openHtmlReport } from './html-report.ts';
import { safeName } from './safe-name.ts';
import type { Outcome } from './verdict.ts';

/** What the outcomes do not say of the run: the name of what was handed in, and the levels that were asked for. */
export type RunOf = { name: string; asked: readonly string[] | null };

/**
 * Writes everything into a folder. One student after the other: of three thousand it takes no more memory than of ten,
 * but for the report's table.
 */
export function writeOutputs(folder: string, journal: Journal, classroom: Classroom, run: RunOf): void {
  using lines = openAtomicFile(path.join(folder, 'results.jsonl'));
  using table = openAtomicFile(path.join(folder, 'results.csv'));
  using html = openAtomicFile(path.join(folder, 'report.html'));
  const report = openHtmlReport(run);
  table.write(csvHead);
  for (const outcome of journal.outcomes()) {
    for (const verdict of outcome.verdicts) lines.write(`${JSON.stringify(verdict)}\n`);
    table.write(csvLines(outcome.verdicts));
    report.add(outcome);
    writeStudent(path.join(folder, 'students', safeName(outcome.student)), outcome, classroom, run);
  }
  html.write(report.html());
  for (const file of [lines, table, html]) file.commit();
}

/** What there is for one student. Where we could not grade something, there is no file with a score. */
function writeStudent(folder: string, outcome: Outcome, classroom: Classroom, { asked }: RunOf): void {
  const json = (name: string, value: object): void =>
    writeAtomically(path.join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  writeAtomically(path.join(folder, 'feedback.txt'), feedback(outcome, asked));
  writeAtomically(
    path.join(folder, 'junit.xml'),
    junit(
      outcome.verdicts.flatMap(({ result }) => result ?? []),
      outcome.verdicts.flatMap(({ level, reason }) => (reason === null ? [] : { name: level ?? 'submission', reason })),
    ),
  );
  for (const verdict of outcome.verdicts) {
    const name = path.join('exercism', verdict.level ?? 'submission', 'results.json');
    if (verdict.status === 'fault') fs.rmSync(path.join(folder, name), { force: true });
    else json(name, exercism(verdict));
  }
  const scores = { 'gradescope/results.json': gradescope, 'classroom50/result.json': classroom50 };
  for (const [name, form] of Object.entries(scores)) {
    if (hasFault(outcome)) fs.rmSync(path.join(folder, name), { force: true });
    else json(name, form(outcome, classroom));
  }
}
