// From a finding to what a student reads: which misconception, at which line.
import type { TraceLine } from '../../linux/trace.ts';
import {
  type Finding,
  lineWith,
  locationInStack,
  locationOf,
  type Misconception,
  showEnd,
  showStderr,
} from './finding.ts';
import type { CheckResult } from './result.ts';
import type { Run } from './run.ts';

/** What every level shares; looked at first. */
const anywhere: readonly Misconception[] = [
  {
    slug: 'todo-left',
    checks: [],
    why: 'This is where your work goes on: the program stopped at a TODO that is still open.',
    shows: (run) => /Error: TODO \d+:/.test(run.stderr),
  },
  {
    slug: 'does-not-start',
    checks: [],
    why: 'Node could not read box.ts as a program, so nothing of it ran. The first lines of stderr say why.',
    shows: (run) =>
      // What begins with box.ts has been thrown by a program that did start.
      run.trace.length === 0 &&
      /^(?!box\.ts: ).*(?:SyntaxError|ERR_MODULE_NOT_FOUND|ERR_PACKAGE_IMPORT_NOT_DEFINED|ERR_UNKNOWN_BUILTIN_MODULE)/m.test(
        run.stderr,
      ),
  },
  {
    slug: 'error-of-javascript',
    checks: [],
    why: 'box.ts broke off with an error of JavaScript; the kernel has no part in it. A word is misspelt, or a value is missing, or is of another kind than it was taken for. stderr says which.',
    shows: (run) =>
      (run.exitCode !== 0 || neverHeld(run)) &&
      /^(?:box\.ts: )?(?:TypeError|ReferenceError|RangeError)(?: \[\w+\])?: /m.test(run.stderr),
  },
];

/** Where nothing else explains it. */
const lastly: readonly Misconception[] = [
  {
    slug: 'never-ends',
    checks: [],
    why: 'The program was ended: it had done nothing for too long, or had computed for too long. Either it waits for what never comes, or a loop in it never ends: look at the last call that began, and at what comes after it.',
    shows: (run) => (run.timedOut ? (run.trace.at(-1) ?? true) : false),
  },
];

/**
 * Explains a finding: the parts of a check's result that a failure adds, and the check whose hints are about it.
 *
 * @param check what the check itself says, for a failure that no known misconception explains
 */
export function diagnose(
  id: string,
  run: Run,
  finding: Finding,
  misconceptions: readonly Misconception[],
  check: { why: string; man: string },
): Pick<CheckResult, 'mistake' | 'expected' | 'actual' | 'why' | 'at' | 'evidence' | 'read'> & { hint: string } {
  const candidates = [...anywhere, ...misconceptions.filter(({ checks }) => checks.includes(id)), ...lastly];
  let mistake: Misconception | null = null;
  let shown: TraceLine | boolean | undefined;
  for (const candidate of candidates) {
    shown = candidate.shows(run, finding);
    if (shown === false || shown === undefined) continue;
    mistake = candidate;
    break;
  }
  return {
    mistake: mistake?.slug ?? null,
    expected: finding.expected,
    actual: finding.actual,
    why: mistake?.why ?? check.why,
    at: place(run, finding, mistake, shown),
    read: mistake?.man ?? check.man,
    evidence: [...new Set([...(finding.evidence ?? []), ...unexpectedEnd(run, finding)])],
    hint: mistake?.hint ?? id,
  };
}

/** The line in box.ts: of the call that shows the misconception, else the best that is known. */
function place(
  run: Run,
  finding: Finding,
  mistake: Misconception | null,
  shown: TraceLine | boolean | undefined,
): CheckResult['at'] {
  if (typeof shown === 'object') return locationOf(shown);
  const named = [mistake?.line ?? []]
    .flat()
    .map((words) => lineWith(run, words))
    .find((line) => line !== null);
  if (named !== undefined) return named;
  if (mistake !== null && anywhere.includes(mistake)) {
    return locationInStack(run) ?? importOf(run) ?? lastPlace(run);
  }
  // Nobody knows why it broke off; where is in its stack.
  const thrown = run.exitCode === 0 ? null : locationInStack(run);
  if (mistake === null && thrown !== null) return thrown;
  if (finding.at !== undefined) return locationOf(finding.at);
  return locationInStack(run) ?? (run.exitCode === 0 ? null : lastPlace(run));
}

/** Whether a command was to hold still and none did: a child broke off, and its parent need not have noticed. */
function neverHeld({ scenario, during }: Run): boolean {
  return scenario.holdWord !== undefined && during === null;
}

/** How the program ended and what it said for itself, where it failed rather than the command; as far as it is news. */
function unexpectedEnd(run: Run, { actual }: Finding): string[] {
  const complained = run.stderr.trim() !== '' && (run.exitCode !== 0 || run.timedOut || neverHeld(run));
  const end = showEnd(run);
  return complained ? [...(actual.endsWith(end) ? [] : [`box.ts: ${end}`]), ...showStderr(run)] : [];
}

/** The line that imports what Node did not find. */
function importOf(run: Run): CheckResult['at'] {
  const [, name] = /(?:specifier|package|module:?) ["']?([^\s"']+)/.exec(run.stderr) ?? [];
  return name === undefined ? null : lineWith(run, new RegExp(`from ['"]${RegExp.escape(name)}['"]`));
}

/** Where nothing better is known: the last system call's place. */
function lastPlace(run: Run): CheckResult['at'] {
  const last = run.trace.findLast((line) => line.file !== null);
  return last === undefined ? null : locationOf(last);
}

/** The number and the text of the TODO at which the program stopped; null where it did not. */
export function openTodo(run: Run): string | null {
  return /Error: (TODO \d+: .*)/.exec(run.stderr)?.[1] ?? null;
}
