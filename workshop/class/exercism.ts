// The form that Exercism reads of a test runner, for one level: results.json, version 3.
import { failureText } from './failure-text.ts';
import type { Verdict } from './verdict.ts';

/** Characters that a message may have. */
const MESSAGE_LIMIT = 65_535;

/** A task is a TODO, which has the number of its check; the checks of earlier levels belong to none. */
export function exercism({ result, reason }: Verdict): object {
  if (result === null) return { version: 3, status: 'error', message: `${reason}.`, tests: [] };
  return {
    version: 3,
    status: result.passed ? 'pass' : 'fail',
    message: null,
    tests: result.checks.map((check) => {
      const task = Number(check.id.split('.')[1]);
      return {
        name: `${check.id} ${check.title}`,
        status: { passed: 'pass', failed: 'fail', blocked: 'error' }[check.status],
        message: check.status === 'passed' ? null : failureText(check).slice(0, MESSAGE_LIMIT),
        ...(check.tried !== undefined && { test_code: check.tried }),
        ...(task > 0 && { task_id: task }),
      };
    }),
  };
}
