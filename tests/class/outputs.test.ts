// What a run writes: whole files, in the forms that others have published, and the same again from the same journal.
import fs from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import stringWidth from 'string-width';
import { beforeAll, describe, expect, test } from 'vitest';
import { feedback } from '../../workshop/class/feedback.ts';
import { openHtmlReport, type ReportData } from '../../workshop/class/html-report.ts';
import { openJournal } from '../../workshop/class/journal.ts';
import { writeOutputs } from '../../workshop/class/outputs.ts';
import { safeName } from '../../workshop/class/safe-name.ts';
import type { Outcome, Verdict } from '../../workshop/class/verdict.ts';
import { findLevel, numberedLevels } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { openFolder } from '../cli/command.ts';
import { classOf, resultFor, verdictFor } from './outcomes.ts';

const COUNT = 70;
const outcomes = [...classOf(COUNT)];
const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
const schema = (file: string): object => JSON.parse(fs.readFileSync(path.join(workshopRoot, file), 'utf8')) as object;
ajv.addSchema(schema('docs/check.schema.json'));
const valid = {
  line: ajv.compile(schema('docs/grade.schema.json')),
  gradescope: ajv.compile(schema('tests/class/schemas/gradescope.schema.json')),
  exercism: ajv.compile(schema('tests/class/schemas/exercism.schema.json')),
  classroom50: ajv.compile(schema('tests/class/schemas/classroom50.schema.json')),
};

/** Writes everything for these outcomes, and returns the files by name. */
function written(folder: string): Map<string, string> {
  using journal = openJournal(folder, { faultsAgain: false });
  for (const outcome of outcomes) journal.add(outcome);
  writeOutputs(folder, journal, { classroom: 'os-2026', assignment: 'boxes' }, { name: 'A class', asked: null });
  const names = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(folder, file), fs.readFileSync(file, 'utf8')]),
  );
}

let files: Map<string, string>;
beforeAll(() => {
  using folder = openFolder();
  files = written(folder.path);
});

const fileOf = ({ student }: Outcome, name: string): string | undefined =>
  files.get(path.join('students', safeName(student), name));
const jsonOf = (outcome: Outcome, name: string): Record<string, unknown> =>
  JSON.parse(fileOf(outcome, name)!) as Record<string, unknown>;
const faulty = ({ verdicts }: Outcome): boolean => verdicts.some(({ status }) => status === 'fault');
const graded = outcomes.filter((outcome) => !faulty(outcome));

test('the made-up class has everything in it that can happen', () => {
  const statuses = new Set(outcomes.flatMap(({ verdicts }) => verdicts.map(({ status }) => status)));
  expect([...statuses].sort()).toEqual(['failed', 'fault', 'passed', 'stopped', 'unusable']);
});

test('written again, every file is the same', () => {
  using folder = openFolder();
  expect(written(folder.path)).toEqual(files);
});

test('results.jsonl: a line for each level of each student', () => {
  const lines = files.get('results.jsonl')!.trimEnd().split('\n');
  const verdicts = lines.map((line) => JSON.parse(line) as Verdict);
  for (const verdict of verdicts) {
    valid.line(verdict);
    expect(valid.line.errors).toBeNull();
  }
  const sorted = outcomes.toSorted((one, other) => (one.student < other.student ? -1 : 1));
  expect(verdicts).toEqual(sorted.flatMap((outcome) => outcome.verdicts));
});

test('results.csv: a row for each level, and no name is a formula', () => {
  const text = files.get('results.csv')!;
  expect(text.split('\n')[0]).toBe('student,level,checks_passed,checks_total,status,phase,durationMs,graderVersion');
  const rows = rowsOf(text).slice(1);
  expect(rows).toHaveLength(outcomes.flatMap(({ verdicts }) => verdicts).length);
  expect(new Set(rows.map(([student]) => student))).toContain('Zoë 🐢 "Q"');
  for (const [student, level, passed, total, status] of rows) {
    expect(student).not.toMatch(/^[=+\-@\t\r]/);
    expect(level).toMatch(/^(\d\d-[a-z-]+)?$/);
    expect(Number(passed)).toBeLessThanOrEqual(Number(total));
    if (status !== 'passed' && status !== 'failed') expect(passed).toBe('0');
  }
});

/** CSV as RFC 4180 has it. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end === '\n') rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}

test('Gradescope: valid, a point for each check', () => {
  for (const outcome of graded) {
    const json = jsonOf(outcome, 'gradescope/results.json');
    valid.gradescope(json);
    expect(valid.gradescope.errors).toBeNull();
    const tests = json['tests'] as { score: number; max_score: number }[];
    expect(tests.reduce((sum, { score }) => sum + score, 0)).toBe(json['score']);
    expect(json['score']).toBe(outcome.verdicts.reduce((sum, { checksPassed }) => sum + checksPassed, 0));
    const most = outcome.verdicts.reduce((sum, { checksTotal }) => sum + checksTotal, 0);
    expect(tests.reduce((sum, { max_score: max }) => sum + max, 0)).toBe(most);
  }
});

test('Classroom 50: valid, no more points than there are', () => {
  for (const outcome of graded) {
    const json = jsonOf(outcome, 'classroom50/result.json');
    valid.classroom50(json);
    expect(valid.classroom50.errors).toBeNull();
    expect(json).toMatchObject({ owner: outcome.student, classroom: 'os-2026', assignment: 'boxes' });
    expect(json['score']).toBeLessThanOrEqual(json['max-score'] as number);
    if (outcome.commit !== null) expect(json['commit']).toBe(outcome.commit);
  }
});

test('Exercism: valid, a file for each level', () => {
  for (const outcome of outcomes) {
    for (const { level, status } of outcome.verdicts) {
      if (status === 'fault') continue;
      const json = jsonOf(outcome, `exercism/${level ?? 'submission'}/results.json`);
      valid.exercism(json);
      expect(valid.exercism.errors).toBeNull();
      expect(json['status']).toBe({ passed: 'pass', failed: 'fail' }[status as string] ?? 'error');
    }
  }
});

test('JUnit: XML with a suite for each level', () => {
  const parser = new XMLParser({ ignoreAttributes: false, isArray: (name) => name.startsWith('test') });
  for (const outcome of outcomes) {
    const xml = fileOf(outcome, 'junit.xml')!;
    expect(XMLValidator.validate(xml)).toBe(true);
    const { testsuites } = parser.parse(xml) as { testsuites: { testsuite: Record<string, string>[] }[] };
    const suites = testsuites[0]!.testsuite.map((suite) => suite['@_name']);
    expect(suites.toSorted()).toEqual(outcome.verdicts.map(({ level }) => level ?? 'submission').toSorted());
    const errors = testsuites[0]!.testsuite.filter((suite) => suite['@_errors'] !== '0').length;
    expect(errors).toBe(outcome.verdicts.filter(({ reason }) => reason !== null).length);
  }
});

describe('where we could not grade, there is no score', () => {
  test.for(outcomes.filter(faulty))('$student', (outcome) => {
    expect(fileOf(outcome, 'gradescope/results.json')).toBeUndefined();
    expect(fileOf(outcome, 'classroom50/result.json')).toBeUndefined();
    for (const { level, status } of outcome.verdicts) {
      const exercism = fileOf(outcome, `exercism/${level}/results.json`);
      if (status === 'fault') expect(exercism).toBeUndefined();
      else expect(exercism).toBeDefined();
    }
    expect(fileOf(outcome, 'feedback.txt')).toContain('says nothing about your program');
  });
});

test('feedback reads like a check at home', () => {
  for (const outcome of outcomes) {
    const text = fileOf(outcome, 'feedback.txt')!;
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    for (const line of text.split('\n').slice(2)) expect(stringWidth(line)).toBeLessThanOrEqual(120);
    for (const { status, level } of outcome.verdicts) {
      if (status === 'passed') expect(text).toContain(`${level}: all `);
      if (status === 'failed') {
        for (const head of ['we ran  ', 'expected', 'actual  ', 'meaning ', 'look at ', 'hint    '])
          expect(text).toContain(head);
      }
    }
  }
});

describe('feedback to somebody of whom there is nothing to grade says what to hand in', () => {
  const told = (asked: string[] | null): string => {
    const verdicts = [verdictFor('ada', null, 'unusable')];
    return feedback({ ...outcomes[1]!, student: 'ada', verdicts }, asked);
  };

  test('any level, where none was asked for', () => {
    expect(told(null)).toContain('Hand in levels/NN-name/box.ts of each level');
  });

  test('the level that was asked for, also alone', () => {
    expect(told(['05-uts-namespace'])).toContain('levels/05-uts-namespace/box.ts (or this box.ts alone)');
    expect(told(['05-uts-namespace'])).not.toContain('NN-name');
  });

  test('several that were asked for', () => {
    const text = told(['00-fork-exec', '05-uts-namespace']);
    expect(text).toContain('  levels/00-fork-exec/box.ts\n  levels/05-uts-namespace/box.ts\n');
    expect(text).not.toContain('alone');
  });

  test('who lacks it reads the same', () => {
    const verdicts = [verdictFor('ada', '05-uts-namespace', 'missing')];
    const text = feedback({ ...outcomes[1]!, student: 'ada', verdicts }, ['05-uts-namespace']);
    expect(text).toContain('There is a reason <i>.\nHand in, in a folder');
  });
});

describe('the report draws the levels that there are', () => {
  const dataOf = (asked: string[] | null, ...levels: (string | null)[]): ReportData => {
    const report = openHtmlReport({ name: 'spring', asked });
    for (const [index, level] of levels.entries()) {
      const given = level === null ? 'unusable' : resultFor(findLevel(level)!, index === 0 ? null : 1);
      report.add({ ...outcomes[1]!, student: `s${index}`, verdicts: [verdictFor(`s${index}`, level, given)] });
    }
    return report.data();
  };
  const names = ({ levels }: ReportData): string[] => levels.map(({ name }) => name);

  test('what was handed in, each cell in its place', () => {
    const data = dataOf(null, '05-uts-namespace', '07-cpu-cgroup');
    expect(names(data)).toEqual(['05-uts-namespace', '07-cpu-cgroup']);
    const [first, second] = data.levels.map(({ checks }) => checks.length) as [number, number];
    expect(data.students.map(({ cells }) => cells)).toEqual([
      'p'.repeat(first) + '.'.repeat(second),
      `${'.'.repeat(first)}pf${'b'.repeat(second - 2)}`,
    ]);
  });

  test('what was asked for, also where nobody has it', () => {
    expect(names(dataOf(['05-uts-namespace'], null))).toEqual(['05-uts-namespace']);
  });

  test('all of them, where there is none', () => {
    expect(names(dataOf(null, null))).toHaveLength(numberedLevels().length);
  });

  test('an entry of no use is no level', () => {
    const { statuses, unusableEntries } = dataOf(null, '05-uts-namespace', null, null);
    expect(unusableEntries).toBe(2);
    expect(statuses).toMatchObject({ passed: 1, unusable: 0 });
  });

  test('its heading says what it is', () => {
    expect(dataOf(null).title).toBe('Boxwright: grades of spring');
  });
});

test('each student has a folder of their own, whatever their name', () => {
  const folders = new Set(outcomes.map(({ student }) => safeName(student)));
  expect(folders.size).toBe(outcomes.length);
  for (const folder of folders) expect(folder).toMatch(/^[A-Za-z0-9_@+%-][A-Za-z0-9._@+%-]{0,160}$/);
});

test('report.html: nothing that a student wrote is markup, and it loads nothing', () => {
  const html = files.get('report.html')!;
  expect(html.match(/<script/g)).toHaveLength(2);
  expect(html.match(/<\/script>/g)).toHaveLength(2);
  expect(html).not.toMatch(/\b(src|href)=|url\(|@import/);
});
