// The report of gradings as JUnit XML, for CI systems.
import builder from 'junit-report-builder';
import type { GradeResult } from './result.ts';

/** JUnit XML: a suite for each level, a case for each check. A blocked check counts as skipped. */
export function junit(results: readonly GradeResult[]): string {
  const file = builder.default.newBuilder();
  for (const result of results) {
    const suite = file
      .testSuite()
      .name(result.level)
      .time(result.durationMs / 1000);
    for (const check of result.checks) {
      const test = suite.testCase().className(result.level).name(`${check.id} ${check.title}`);
      if (check.status === 'blocked') test.skipped();
      if (check.status === 'failed') {
        test.failure([check.actual, check.why, ...(check.evidence ?? [])].join('\n'), check.mistake ?? 'failed');
      }
    }
  }
  return file.build();
}
