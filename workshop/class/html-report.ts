// The report for the instructor: one HTML file that needs nothing else, not even a network.
import fs from 'node:fs';
import path from 'node:path';
import { checksOf } from '../checks.ts';
import { levelFile, numberedLevels } from '../levels.ts';
import type { RunOf } from './outputs.ts';
import type { Outcome, Verdict, VerdictStatus } from './verdict.ts';

/**
 * A cell of the table: a check passed, failed, blocked; a level not handed in; of no use or stopped; not graded by a
 * fault of ours.
 */
type Cell = 'p' | 'f' | 'b' | '.' | 'u' | 'x';

/** What the page's own script works on. */
export type ReportData = {
  title: string;
  graderVersion: string;
  /** Those that were asked for or handed in; all where nobody handed in any. */
  levels: { name: string; checks: { id: string; title: string }[] }[];
  students: { name: string; cells: string; note: string }[];
  /** By how many students have it. */
  mistakes: { slug: string | null; checks: string[]; students: number; why: string }[];
  /** How many levels have which. */
  statuses: Record<VerdictStatus, number>;
  /** Entries of which nothing could be graded. */
  unusableEntries: number;
  /** By level: what became of it, and middle values of how long it took. */
  table: {
    level: string;
    passed: number;
    failed: number;
    other: number;
    /** Hours at home from the level before to this one; null where nobody's progress says it. */
    hours: number | null;
    hoursOf: number;
    /** Seconds of grading. */
    seconds: number | null;
  }[];
};

/** A report that takes one student after the other. */
export type HtmlReport = { add(outcome: Outcome): void; html(): string; data(): ReportData };

export function openHtmlReport({ name: folder, asked }: RunOf): HtmlReport {
  const levels = numberedLevels().map((level, index, all) => ({
    name: level.name,
    before: all[index - 1]?.name,
    checks: [
      ...(index === 0 ? [] : [{ id: `${level.number}.0`, title: 'the levels before still pass' }]),
      ...checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8')),
    ],
    passed: 0,
    failed: 0,
    other: 0,
    hours: [] as number[],
    seconds: [] as number[],
    shown: asked?.includes(level.name) ?? false,
  }));
  const students: ReportData['students'] = [];
  const mistakes = new Map<string, { slug: string | null; checks: Set<string>; students: number; why: string }>();
  const statuses: ReportData['statuses'] = { passed: 0, failed: 0, unusable: 0, missing: 0, stopped: 0, fault: 0 };
  let unusableEntries = 0;
  let graderVersion = '';

  function addMistakes(verdicts: readonly Verdict[]): void {
    const seen = new Set<string>();
    for (const check of verdicts.flatMap(({ result }) => result?.checks ?? [])) {
      if (check.status !== 'failed') continue;
      const key = check.mistake ?? `none ${check.id}`;
      const known = mistakes.get(key) ?? {
        slug: check.mistake ?? null,
        checks: new Set(),
        students: 0,
        why: check.why ?? '',
      };
      known.checks.add(check.id);
      if (!seen.has(key)) known.students += 1;
      seen.add(key);
      mistakes.set(key, known);
    }
  }

  function data(): ReportData {
    const shown = levels.some((level) => level.shown) ? levels.filter((level) => level.shown) : levels;
    // Of a student, the cells of all levels are kept until it is known which are there.
    const cellsOfShown = (cells: string): string => {
      let from = 0;
      const parts = levels.map((level) => ({ level, part: cells.slice(from, (from += level.checks.length)) }));
      return parts.flatMap(({ level, part }) => (shown.includes(level) ? [part] : [])).join('');
    };
    return {
      title: `Boxwright: grades of ${folder}`,
      graderVersion,
      levels: shown.map(({ name, checks }) => ({ name, checks })),
      students: students.map((student) => ({ ...student, cells: cellsOfShown(student.cells) })),
      mistakes: [...mistakes.values()]
        .map(({ checks, ...rest }) => ({ ...rest, checks: [...checks].sort() }))
        .sort((one, other) => other.students - one.students || (one.slug ?? '').localeCompare(other.slug ?? '')),
      statuses,
      unusableEntries,
      table: shown.map(({ name, passed, failed, other, hours, seconds }) => ({
        level: name,
        passed,
        failed,
        other,
        hours: middle(hours),
        hoursOf: hours.length,
        seconds: middle(seconds),
      })),
    };
  }

  return {
    add({ student, verdicts, passedAtHome }) {
      const byLevel = new Map(verdicts.map((verdict) => [verdict.level, verdict]));
      graderVersion ||= verdicts[0]?.graderVersion ?? '';
      for (const { level, status } of verdicts) {
        if (level === null) unusableEntries += 1;
        else statuses[status] += 1;
      }
      addMistakes(verdicts);
      for (const level of levels) {
        const verdict = byLevel.get(level.name);
        if (verdict !== undefined) {
          level.shown = true;
          level[verdict.status === 'passed' || verdict.status === 'failed' ? verdict.status : 'other'] += 1;
          if (verdict.result !== null) level.seconds.push(verdict.durationMs / 1000);
        }
        const [from, to] = [level.before ?? '', level.name].map((name) => Date.parse(passedAtHome[name] ?? ''));
        if (to! >= from!) level.hours.push((to! - from!) / 3_600_000);
      }
      students.push({
        name: student,
        cells: levels.map(({ name, checks }) => cellsOf(byLevel.get(name) ?? byLevel.get(null), checks)).join(''),
        note: verdicts
          .flatMap(({ level, reason }) => (reason === null ? [] : `${level ?? 'all'}: ${reason}`))
          .join('; '),
      });
    },
    data,
    html: () => page(data()),
  };
}

function cellsOf(verdict: Verdict | undefined, checks: readonly { id: string }[]): string {
  const all = (cell: Cell): string => cell.repeat(checks.length);
  if (verdict === undefined || verdict.status === 'missing') return all('.');
  if (verdict.result === null) return all(verdict.status === 'fault' ? 'x' : 'u');
  const statuses = new Map(verdict.result.checks.map(({ id, status }) => [id, status]));
  return checks.map(({ id }): Cell => (statuses.get(id)?.[0] as Cell | undefined) ?? '.').join('');
}

function middle(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function page(data: ReportData): string {
  const part = (name: string): string => fs.readFileSync(path.join(import.meta.dirname, 'report', name), 'utf8');
  // Within a script nothing is markup but its end.
  const json = JSON.stringify(data).replaceAll('<', String.raw`\u003c`);
  return part('report.html')
    .replace('/* style */', () => part('report.css'))
    .replace('/* data */', () => json)
    .replace('/* script */', () => part('report.js'));
}
