// The form that Gradescope reads: results.json. See its "Autograder Specifications".
import { failureText } from './failure-text.ts';
import type { Outcome } from './verdict.ts';

/** One point for each check. */
export function gradescope({ verdicts }: Outcome): object {
  const tests = verdicts.flatMap(({ level, reason, checksTotal, result }): object[] =>
    result === null
      ? [
          {
            name: level ?? 'what was handed in',
            score: 0,
            max_score: checksTotal,
            status: 'failed',
            output: `${reason}.`,
            output_format: 'text',
            visibility: 'visible',
          },
        ]
      : result.checks.map((check) => ({
          number: check.id,
          name: `${level}: ${check.title}`,
          score: check.status === 'passed' ? 1 : 0,
          max_score: 1,
          status: check.status === 'passed' ? 'passed' : 'failed',
          ...(check.status !== 'passed' && { output: failureText(check), output_format: 'text' }),
          tags: [level!],
          visibility: 'visible',
        })),
  );
  return {
    score: verdicts.reduce((sum, { checksPassed }) => sum + checksPassed, 0),
    execution_time: Math.round(verdicts.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000),
    output_format: 'text',
    visibility: 'visible',
    stdout_visibility: 'hidden',
    extra_data: { graderVersion: verdicts[0]?.graderVersion ?? null },
    tests,
  };
}
