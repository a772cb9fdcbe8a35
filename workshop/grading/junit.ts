// The report of gradings as JUnit XML, for CI systems.
import imported, { type Builder } from 'junit-report-builder';
import { printable } from './printable.ts';
import type { CheckResult, GradeResult } from './result.ts';

// What Node imports is the builder itself; the package's types have it one level deeper.
const builder = imported as unknown as Builder;

/**
 * JUnit XML: a suite for each level, a case for each check. A blocked check counts as skipped.
 *
 * @param without what has no result, and why: each is a suite with one case, an error
 */
export function junit(
  results: readonly GradeResult[],
  without: readonly { name: string; reason: string }[] = [],
): string {
  const file = builder.newBuilder();
  for (const result of results) {
    const suite = file
      .testSuite()
      .name(result.level)
      .time(result.durationMs / 1000);
    for (const check of result.checks) {
      const test = suite.testCase().className(result.level).name(`${check.id} ${check.title}`);
      if (check.status === 'blocked') test.skipped();
      if (check.status === 'failed')
        test.failure(printable(check.actual ?? ''), check.mistake ?? 'failed').stacktrace(details(check));
    }
  }
  for (const { name, reason } of without) {
    file.testSuite().name(name).testCase().className(name).name('it can be graded').error(printable(reason));
  }
  return file.build();
}

function details({ expected, actual, evidence = [], why, at, reproduce }: CheckResult): string {
  const place = at ? `look at: ${at.file}:${at.line}` : '';
  const lines = [
    `expected: ${expected}`,
    `actual: ${actual}`,
    ...evidence,
    why ?? '',
    place,
    `reproduce: ${reproduce}`,
  ];
  return printable(lines.filter((line) => line !== '').join('\n'));
}
