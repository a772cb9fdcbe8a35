// The journal: whatever moment a run was killed at, nobody is lost and nobody is in it twice.
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openJournal } from '../../workshop/class/journal.ts';
import type { Outcome } from '../../workshop/class/verdict.ts';
import { openFolder } from '../cli/command.ts';
import { classOf, verdictFor } from './outcomes.ts';

function kept(folder: string, faultsAgain = false): Outcome[] {
  using journal = openJournal(folder, { faultsAgain });
  return [...journal.outcomes()];
}

test('the first outcome of a student stays', () => {
  using folder = openFolder();
  const [one, other] = [...classOf(3)].slice(1) as [Outcome, Outcome];
  {
    using journal = openJournal(folder.path, { faultsAgain: true });
    expect(journal.add(one)).toBe(true);
    expect(journal.add({ ...other, student: one.student })).toBe(false);
    expect(journal.size).toBe(1);
  }
  expect(kept(folder.path)).toEqual([one]);
});

test('cut off at any byte, it holds all whole lines, and takes more', () => {
  using folder = openFolder();
  const outcomes = [...classOf(4)];
  const file = path.join(folder.path, 'journal.jsonl');
  {
    using journal = openJournal(folder.path, { faultsAgain: true });
    for (const outcome of outcomes) journal.add(outcome);
  }
  const whole = fs.readFileSync(file);
  const byName = (list: Outcome[]): Outcome[] => list.toSorted((one, other) => (one.student < other.student ? -1 : 1));
  for (let length = 0; length <= whole.length; length += length > whole.length - 50 ? 1 : 97) {
    fs.writeFileSync(file, whole.subarray(0, length));
    const lines = whole.subarray(0, length).toString('latin1').split('\n').length - 1;
    using journal = openJournal(folder.path, { faultsAgain: true });
    expect([...journal.outcomes()]).toEqual(byName(outcomes.slice(0, lines)));
    for (const outcome of outcomes) journal.add(outcome);
    expect(fs.readFileSync(file)).toEqual(whole);
  }
});

test('whom we could not grade is graded again, and the later outcome counts', () => {
  using folder = openFolder();
  const [, outcome] = [...classOf(2)] as [Outcome, Outcome];
  const broken = { ...outcome, verdicts: [verdictFor(outcome.student, '00-fork-exec', 'fault')] };
  {
    using journal = openJournal(folder.path, { faultsAgain: true });
    journal.add(broken);
    expect(journal.has(outcome.student)).toBe(true);
  }
  {
    using journal = openJournal(folder.path, { faultsAgain: true });
    expect(journal.has(outcome.student)).toBe(false);
    journal.add(outcome);
  }
  expect(kept(folder.path)).toEqual([outcome]);
  expect(kept(folder.path, true)).toEqual([outcome]);
});

test('a line that is longer than what is read at a time', () => {
  using folder = openFolder();
  const [, outcome] = [...classOf(2)] as [Outcome, Outcome];
  const long = { ...outcome, commit: 'x'.repeat(3 * 1024 ** 2) };
  {
    using journal = openJournal(folder.path, { faultsAgain: true });
    journal.add(long);
    journal.add({ ...outcome, student: 'another' });
  }
  expect(
    kept(folder.path)
      .map(({ student }) => student)
      .toSorted(),
  ).toEqual([outcome.student, 'another'].toSorted());
});
