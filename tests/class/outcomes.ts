// Outcomes as a run would have them, made up: for the tests of what is done with them.
import fs from 'node:fs';
import { checksOf } from '../../workshop/checks.ts';
import type { Outcome, Verdict } from '../../workshop/class/verdict.ts';
import type { CheckResult, GradeResult } from '../../workshop/grading/result.ts';
import { findLevel, type Level, levelFile, numberedLevels } from '../../workshop/levels.ts';

/** A result of a level, of which all checks pass, or one fails and the later ones are blocked. */
export function resultFor(level: Level, failing: number | null): GradeResult {
  const own = checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8'));
  const all =
    level.number === '00' ? own : [{ id: `${level.number}.0`, title: 'levels before: still passing' }, ...own];
  const checks = all.map(({ id, title }, index): CheckResult => {
    if (failing === null || index < failing) return { id, title, status: 'passed' };
    if (index > failing) return { id, title, status: 'blocked' };
    return {
      id,
      title,
      status: 'failed',
      mistake: index % 3 === 0 ? null : `mistake-${level.number}-${index}`,
      tried: 'run sleep 60',
      expected: 'one thing <b>&',
      actual: 'another',
      why: 'It is so because of `..` and </script><script>alert(1)</script>.',
      at: { file: `levels/${level.name}/box.ts`, line: 12 },
      evidence: ['fork() = 7   box.ts:12', '\u001b[31mred'],
      read: 'fork(2)',
      reproduce: `npm run box -- level-${level.number} run sleep 60`,
      next: `npm run hint level-${level.number} ${id}`,
    };
  });
  return {
    schema: 'boxwright/check/v1',
    level: level.name,
    target: 'file',
    passed: failing === null,
    cgroup: 'v2',
    durationMs: 900,
    checks,
    leftovers: [],
  };
}

/** A verdict with that result, or without one. */
export function verdictFor(student: string, levelName: string | null, given: GradeResult | Verdict['status']): Verdict {
  const level = levelName === null ? null : findLevel(levelName)!;
  const result = typeof given === 'string' ? null : given;
  const status = typeof given === 'string' ? given : given.passed ? 'passed' : 'failed';
  return {
    schema: 'boxwright/grade/v1',
    student,
    level: levelName,
    status,
    phase: result !== null || status === 'fault' ? 'checks' : status === 'stopped' ? 'limit' : 'intake',
    checksPassed: result?.checks.filter((check) => check.status === 'passed').length ?? 0,
    checksTotal: level === null ? 0 : resultFor(level, null).checks.length,
    durationMs: 950,
    graderVersion: '0.1.0+test',
    reason: result === null ? 'there is a reason <i>' : null,
    seed: '0123abcd',
    result,
  };
}

/** The outcomes of a class of that many, all different and always the same. Names are as people and enemies have them. */
export function* classOf(count: number): Generator<Outcome> {
  const odd = [
    '=cmd|calc',
    'Zoë 🐢 "Q"',
    '..',
    '</script>',
    'a/b',
    '.hidden',
    'x'.repeat(240),
    'new\nline',
    '%41',
    'A',
  ];
  const levels = numberedLevels();
  for (let index = 0; index < count; index += 1) {
    const student = odd[index] ?? `student-${String(index).padStart(4, '0')}`;
    const reached = index % (levels.length + 1);
    const verdicts = levels.slice(0, reached).map((level, place) => {
      if (place === reached - 1 && index % 7 === 0) return verdictFor(student, level.name, 'stopped');
      if (place === reached - 1 && index % 31 === 0) return verdictFor(student, level.name, 'fault');
      const count = resultFor(level, null).checks.length;
      return verdictFor(student, level.name, resultFor(level, place === reached - 1 ? index % count : null));
    });
    if (reached === 0) verdicts.push(verdictFor(student, null, 'unusable'));
    yield {
      student,
      verdicts,
      handedIn: '2026-11-24T12:00:00.000Z',
      commit: index % 5 === 0 ? 'c0ffee'.padEnd(40, '0') : null,
      passedAtHome: Object.fromEntries(
        levels
          .slice(0, reached)
          .map((level, place) => [level.name, new Date(Date.UTC(2026, 9, 1 + place, index % 24)).toISOString()]),
      ),
    };
  }
}
