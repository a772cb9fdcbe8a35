import { expect, test } from 'vitest';
import { type Finding, findingsAsked } from '../../workshop/cli/findings.mjs';

const finding = (title: string, missing: boolean, mend: string | null): Finding => ({
  id: title,
  title,
  detail: 'as it was found',
  missing,
  mend,
});
const found = [
  finding('there', false, null),
  finding('for a bonus level', false, 'apt-get install one'),
  finding('needed', true, 'apt-get install two'),
];

test('what only a bonus level needs is told apart from what is there, and from what is needed', () => {
  expect(findingsAsked(found, ['--plain'])).toBe(`\
ok      there: as it was found
absent  for a bonus level: as it was found
        -> apt-get install one
MISSING needed: as it was found
        -> apt-get install two

This is not ready yet.
`);
});

test('a machine without it is ready', () => {
  expect(findingsAsked(found.slice(0, 2), [])).toBe(`\
✓ there: as it was found
- for a bonus level: as it was found
  -> apt-get install one

This is ready.
`);
});
