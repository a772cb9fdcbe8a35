// What a grading looks like: to a person (files that are compared), as JSON (against its schema), as JUnit XML.
import fs from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { junit } from '../../workshop/grading/junit.ts';
import { report } from '../../workshop/grading/report.ts';
import type { CheckResult, GradeResult } from '../../workshop/grading/result.ts';
import { numberedLevels } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { check, checkJson } from './check.ts';

const titles = [
  'the host keeps its own hostname',
  'the hostname is the container’s id',
  'it is set before the command',
];
const passed = (index: number): CheckResult => ({ id: `05.${index}`, title: titles[index - 1]!, status: 'passed' });
const blocked = (index: number): CheckResult => ({ ...passed(index), status: 'blocked' });
const failed = (index: number, changes: Partial<CheckResult> = {}): CheckResult => ({
  ...passed(index),
  status: 'failed',
  mistake: 'hostname-before-unshare',
  tried: 'run -i busybox hostname',
  expected: 'the host is still called host-3f2a',
  actual: 'it is called 9b1c, as the container',
  why: 'A hostname belongs to a UTS namespace. Without one of its own, a process renames the machine that it runs on, and everybody on it.',
  at: { file: 'levels/05-uts-namespace/box.ts', line: 57 },
  evidence: ['sethostname("9b1c") = 0   box.ts:57', 'unshare(CLONE_NEWUTS) = 0   box.ts:58'],
  read: 'uts_namespaces(7)',
  reproduce: 'npm run box -- level-05 run -i busybox hostname',
  next: `npm run hint level-05 05.${index}`,
  ...changes,
});
const result = (checks: CheckResult[], changes: Partial<GradeResult> = {}): GradeResult => ({
  schema: 'boxwright/check/v1',
  level: '05-uts-namespace',
  target: 'student',
  passed: checks.every(({ status }) => status === 'passed'),
  cgroup: 'v2',
  durationMs: 812,
  checks,
  leftovers: [],
  ...changes,
});

const longWord = `/proc/self/${'a-very-long-name-without-any-space'.repeat(4)}/end`;
const cases: Record<string, GradeResult> = {
  passed: result([passed(1), passed(2), passed(3)]),
  'passed-solution': result([passed(1), passed(2), passed(3)], { target: 'solution' }),
  failed: result([failed(1), passed(2), passed(3)]),
  'failed-and-blocked': result([passed(1), failed(2), blocked(3)]),
  'several-failed': result([failed(1), failed(2), failed(3)]),
  'nothing-known': result([failed(1, { mistake: null, at: null, evidence: [] })]),
  beginning: result([
    failed(1, {
      mistake: 'todo-left',
      evidence: [
        'box.ts: it ended with status 125',
        'stderr: box.ts: Error: TODO 2: give the container its own hostname',
      ],
    }),
    blocked(2),
    blocked(3),
  ]),
  'long-words': result([
    failed(1, {
      actual: `its root is ${longWord}`,
      evidence: [`readlink("${longWord}") = -1 ENOENT`, 'two\nlines', ''],
      at: { file: longWord, line: 1234 },
    }),
  ]),
  'control-characters': result([
    failed(1, {
      actual: 'it printed \u001B[2J\u001B[Hall passed\u0007',
      evidence: [
        'stderr: \u001B]0;title\u0007\r✓ 05.1 passed',
        'stderr: \u202Ereversed',
        'stderr: \uFFFD\uFFFDÿ\u0000',
      ],
    }),
  ]),
};
const words = {
  command: 'npm run check level-05',
  nextLevel: 'level-06',
  lesson: 'levels/05-uts-namespace/README.md',
  file: 'levels/05-uts-namespace/box.ts',
};

describe.for(Object.entries(cases))('for a person: %s', ([name, graded]) => {
  test.for([
    { style: 'plain', plain: true, columns: 80 },
    { style: 'symbols', plain: false, columns: 200 },
    { style: 'narrow', plain: true, columns: 40 },
  ])('$style', async ({ style, plain, columns }) => {
    // Colours depend on what the tests run in.
    const text = stripVTControlCharacters(report(graded, { plain, columns }, words));
    await expect(text).toMatchFileSnapshot(path.join(import.meta.dirname, 'reports', `${name}.${style}.txt`));
    for (const line of text.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(Math.min(80, columns));
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(text).toMatch(/[^\n]\n$/);
  });

  test('nothing of the failure is cut', () => {
    const text = report(graded, { plain: true, columns: 80 }, words).replaceAll(/\s+/g, '');
    const failure = graded.checks.find(({ status }) => status === 'failed');
    if (failure === undefined || name === 'beginning' || name === 'control-characters') return;
    const parts = [failure.tried, failure.expected, failure.actual, failure.why, failure.reproduce, failure.next];
    for (const part of [...parts, ...failure.evidence!]) expect(text).toContain(part!.replaceAll(/\s+/g, ''));
    if (failure.at) expect(text).toContain(`${failure.at.file}:${failure.at.line}`);
  });
});

test('a failure in the order of the contract', () => {
  const text = report(cases['failed']!, { plain: true, columns: 80 }, words);
  const parts = ['we ran', 'expected', 'actual', 'evidence', 'meaning', 'look at', 'reproduce', 'read', 'hint'];
  const places = parts.map((part) => text.indexOf(`\n${part}`));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(Math.min(...places)).toBeGreaterThan(0);
});

test('the last level has no next one', () => {
  const text = report(cases['passed']!, { plain: true, columns: 80 }, { ...words, nextLevel: null });
  expect(text).toContain('That was the last level.');
});

describe('as JSON', () => {
  const schema: unknown = JSON.parse(fs.readFileSync(path.join(workshopRoot, 'docs/check.schema.json'), 'utf8'));
  const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema as object);
  const complaints = (value: unknown): unknown => (validate(value) ? [] : validate.errors);

  test.for([
    { what: 'passed', words: ['00', '--solution'], status: 0 },
    { what: 'at its beginning', words: ['01', '--file', 'levels/01-chroot/box.ts'], status: 1 },
    { what: 'failed', words: ['01', '--file', 'solutions/00-fork-exec/box.ts'], status: 1 },
    { what: 'nothing of it a program', words: ['00', '--file', 'README.md'], status: 1 },
  ])('$what', async ({ words: asked }) => {
    expect(complaints(await checkJson(...asked))).toEqual([]);
  });

  test('with --all: a list', async () => {
    const { stdout } = await check('--all', '--solution', '--json');
    const results = JSON.parse(stdout) as GradeResult[];
    expect(results.map(({ level }) => level)).toEqual(numberedLevels().map(({ name }) => name));
    for (const one of results) expect(complaints(one)).toEqual([]);
  });

  test('the schema tells what is wrong', () => {
    expect(complaints(cases['failed'])).toEqual([]);
    const { why, ...withoutWhy } = failed(1);
    expect(why).toBeDefined();
    for (const wrong of [
      { ...cases['passed'], schema: 'boxwright/check/v2' },
      { ...cases['passed'], more: 1 },
      { ...cases['passed'], checks: [] },
      { ...cases['passed'], checks: [{ ...passed(1), status: 'skipped' }] },
      { ...cases['passed'], checks: [{ ...passed(1), why: 'passed checks say nothing' }] },
      { ...cases['failed'], checks: [withoutWhy] },
    ]) {
      expect(complaints(wrong)).not.toEqual([]);
    }
  });
});

describe('as JUnit XML', () => {
  type Suite = {
    name: string;
    tests: number;
    failures: number;
    skipped: number;
    testcase: { name: string; classname: string; failure?: { message: string; '#text': string }; skipped?: '' }[];
  };

  function read(xml: string): { tests: number; failures: number; testsuite: Suite[] } {
    expect(XMLValidator.validate(xml)).toBe(true);
    // XML 1.0 knows no other control characters, not even escaped ones.
    expect(xml.replaceAll(/[\t\n\r]/g, '')).not.toMatch(/[\p{Cc}\uFFFE\uFFFF]/u);
    for (const [, number] of xml.matchAll(/&#(x?[\da-f]+);/gi)) expect(Number(`0${number}`)).toBeGreaterThan(31);
    const parser = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '',
      parseAttributeValue: true,
      isArray: (name) => ['testsuite', 'testcase'].includes(name),
    });
    return (parser.parse(xml) as { testsuites: { tests: number; failures: number; testsuite: Suite[] } }).testsuites;
  }

  test.for(Object.entries(cases))('%s: well formed, with the right counts', ([, graded]) => {
    const count = (status: string): number => graded.checks.filter((one) => one.status === status).length;
    const { testsuite } = read(junit([graded]));
    expect(testsuite).toHaveLength(1);
    expect(testsuite[0]).toMatchObject({
      name: '05-uts-namespace',
      tests: graded.checks.length,
      failures: count('failed'),
      skipped: count('blocked'),
    });
    expect(testsuite[0]!.testcase.map(({ name }) => name)).toEqual(
      graded.checks.map(({ id, title }) => `${id} ${title}`),
    );
  });

  test('several levels; a failure says what it is', () => {
    const { tests, failures, testsuite } = read(junit([cases['passed']!, cases['failed-and-blocked']!]));
    expect({ tests, failures, suites: testsuite.length }).toEqual({ tests: 6, failures: 1, suites: 2 });
    const { failure } = testsuite[1]!.testcase[1]!;
    expect(failure?.message).toContain('it is called 9b1c');
    expect(failure?.['#text']).toContain('A hostname belongs to a UTS namespace.');
    expect(failure?.['#text']).toContain('levels/05-uts-namespace/box.ts:57');
  });
});
