// The form that Classroom 50 reads: `classroom50/result/v1`.
import { createHash } from 'node:crypto';
import { failureText } from './failure-text.ts';
import type { Outcome } from './verdict.ts';

/** What the outcome does not say of itself. */
export type Classroom = { classroom: string; assignment: string };

/** One point for each check. What is no git bundle has no commit: there stands a digest of who handed it in, and when. */
export function classroom50(outcome: Outcome, { classroom, assignment }: Classroom): object {
  const { student, verdicts, commit, handedIn } = outcome;
  const digest = createHash('sha256').update(`${student}\0${handedIn}`).digest('hex');
  const time = seconds(handedIn);
  const source = commit ?? `sha256:${digest}`;
  const tests = verdicts.flatMap(({ level, reason, checksTotal, result }) =>
    result === null
      ? [
          {
            'test-name': level ?? 'what was handed in',
            passed: false,
            score: 0,
            'max-score': checksTotal,
            message: `${reason}.`,
          },
        ]
      : result.checks.map((check) => ({
          'test-name': `${check.id} ${check.title}`,
          passed: check.status === 'passed',
          score: check.status === 'passed' ? 1 : 0,
          'max-score': 1,
          ...(check.status !== 'passed' && { message: failureText(check) }),
        })),
  );
  return {
    schema: 'classroom50/result/v1',
    classroom,
    assignment,
    assignment_type: 'individual',
    owner: student,
    submission: `submit/${time.replaceAll(/[-:]/g, '')}-${(commit ?? digest).slice(0, 7)}`,
    commit: source,
    release: source,
    review: source,
    datetime: time,
    score: tests.reduce((sum, test) => sum + test.score, 0),
    'max-score': tests.reduce((sum, test) => sum + test['max-score'], 0),
    tests,
  };
}

/** `2026-11-24T12:00:00Z` */
function seconds(time: string): string {
  return `${time.slice(0, 19)}Z`;
}
