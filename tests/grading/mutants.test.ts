// Mutants: that each kind is made, as small programs show it; and that a grader finds a few of them.
import { describe, expect, test } from 'vitest';
import type { CheckResult, GradeResult } from '../../workshop/grading/result.ts';
import { findLevel, numberedLevels } from '../../workshop/levels.ts';
import { openGraders } from './grader-pool.ts';
import { type Kind, mutantsOf, type MutantOptions } from './mutants.ts';
import { excusesFor, gradeMutants, mutantsOfLevel } from './mutation.ts';

/** The mutants of one kind, each without what all of them have. */
function made(kind: Kind, source: string, options?: MutantOptions): string[] {
  return mutantsOf(source, options)
    .filter((mutant) => mutant.kind === kind)
    .map(({ program }) => program.replaceAll(/\s+/g, ' ').trim());
}

describe('a mutant has', () => {
  const body = 'function f() { one(); two(); return 3; }';

  test('a statement less', () => {
    expect(made('removed', body)).toEqual([
      'function f() { two(); return 3; }',
      'function f() { one(); return 3; }',
      'function f() { one(); two(); }',
    ]);
    expect(made('removed', 'if (a) b(); else c();')).toEqual(['', 'if (a) {} else c();', 'if (a) b(); else {}']);
  });

  test('an option less', () => {
    expect(made('removed', 'f({ mode: 1, sync: true });')).toEqual(['', 'f({ sync: true });']);
    expect(made('removed', 'f({ sync: true, mode: 1, });')).toEqual(['', 'f({ sync: true, });']);
    expect(made('removed', 'f({ mode: 1, });')).toEqual(['', 'f({ });']);
  });

  test('neighbours the other way round', () => {
    expect(made('swapped', body)).toEqual([
      'function f() { two(); one(); return 3; }',
      'function f() { one(); return 3; two(); }',
    ]);
  });

  test('no neighbours that do nothing where they stand', () => {
    expect(made('swapped', "import fs from 'node:fs'; function f() {} type T = 1; f();")).toEqual([]);
  });

  test('a call twice', () => {
    expect(made('repeated', 'const a = path.join(b);')).toEqual([]);
    expect(made('repeated', 'const a = one(); two(); a.b = three;')).toEqual([
      'one(); const a = one(); two(); a.b = three;',
      'const a = one(); two(); two(); a.b = three;',
    ]);
  });

  test('an early end, but not where that only removes the last statement', () => {
    expect(made('returned', 'function f() { one(); if (a) { two(); } } g();')).toEqual([
      'function f() { return; one(); if (a) { two(); } } g();',
      'function f() { one(); if (a) { return; two(); } } g();',
    ]);
  });

  test('a flag less', () => {
    expect(made('dropped', 'f(A | B | C);')).toEqual(['f(B | C);', 'f(A | C);', 'f(A | B);']);
    expect(made('dropped', 'f(a ?? b);')).toEqual(['f(a);', 'f(b);']);
  });

  test("a neighbour's argument", () => {
    expect(made('argument', 'f(a, b, b);')).toEqual(['f(b, b, b);', 'f(a, a, b);']);
  });

  test('two values exchanged', () => {
    expect(made('exchanged', 'function f({ uid, gid }: Account) {}')).toEqual([
      'function f({ uid: gid, gid: uid }: Account) {}',
    ]);
    expect(made('exchanged', 'const a = [1, 3];')).toEqual(['const a = [3, 1];']);
    expect(made('exchanged', 'const [a, b] = c;')).toEqual(['const [b, a] = c;']);
    expect(made('exchanged', 'f({ a: 1, b: 2 });')).toEqual(['f({ a: 2, b: 1 });']);
    expect(made('exchanged', 'f(`${a}/${b}`);')).toEqual(['f(`${b}/${a}`);']);
  });

  test('another constant', () => {
    expect(made('constant', 'f(0o666);')).toEqual(['f(0o600);']);
    expect(made('constant', 'f(0o600);')).toEqual(['f(385);']);
    expect(made('constant', 'f(7);')).toEqual(['f(8);']);
    expect(made('constant', 'f(null);')).toEqual([]);
    expect(made('constant', 'f(true);')).toEqual(['f(false);']);
    expect(made('constant', "f('a,mode=755');")).toEqual(["f('');", "f('mode=755');", "f('a');", "f('a,mode=700');"]);
    expect(made('constant', 'f(`${a}/b`);')).toEqual(['f(`${a}`);']);
    expect(made('constant', 'f(/^a$/i);')).toEqual(['f(/^a$/);', 'f(/a$/i);', 'f(/^a/i);']);
  });

  test('a condition that is always or never true', () => {
    expect(made('condition', 'if (a < b) c();')).toEqual(['if (true) c();', 'if (false) c();']);
    expect(made('condition', 'f(a ? b : c);')).toEqual(['f(true ? b : c);', 'f(false ? b : c);']);
  });

  test('another operator', () => {
    expect(made('operator', 'f(a < b, c + d);')).toEqual(['f(a <= b, c + d);', 'f(a < b, c - d);']);
  });

  test('nothing else in types and in what is said to people', () => {
    const keys = mutantsOf("type T = 'a' | 'b'; throw new Error('c'); console.error('d');").map(({ key }) => key);
    expect(keys.filter((key) => !/^(removed|swapped|repeated) /.test(key))).toEqual([]);
  });
});

test('a key names the place without a line number, and no other mutant', () => {
  const [mutant] = mutantsOf('function f() {\n  // why\n  mount(\n    A | B,\n  );\n}').filter(
    ({ kind }) => kind === 'dropped',
  );
  expect(mutant).toMatchObject({ key: 'dropped in f: mount( B, )', line: 4 });
  for (const level of numberedLevels()) {
    const keys = mutantsOfLevel(level, { all: true }).map(({ key }) => key);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  }
});

test('only what is new since the level before is changed', () => {
  const before = 'old();\nalso(1);\n';
  const keys = mutantsOf('old();\nfresh();\nalso(1);\n', { since: before }).map(({ key }) => key);
  expect(keys).toEqual([
    'swapped in the file: fresh(); || old();',
    'removed in the file: fresh();',
    'repeated in the file: fresh();',
    'swapped in the file: also(1); || fresh();',
  ]);
});

test('what runs with the other cgroup version only is known: branches, and what only they call', () => {
  const source = `
    function both() { if (version === 1) first(); else second(only()); if (version === 2) third(); }
    function only() { return 5; }
    both();`;
  const elsewhere = (cgroup: 1 | 2): string[] =>
    mutantsOf(source, { cgroup })
      .filter((mutant) => mutant.elsewhere)
      .map(({ key }) => key);
  expect(elsewhere(1)).toEqual([
    'removed in both: if (version === 1) first(); else {}',
    'removed in both: if (version === 2) third();',
    'removed in only: return 5;',
    'constant in only: return 6;',
  ]);
  expect(elsewhere(2)).toEqual(['removed in both: if (version === 1) {} else second(only());']);
});

describe.for(numberedLevels())('the list of $name', (level) => {
  test('names mutants that there are, and says why they pass', async () => {
    const keys = new Set(mutantsOfLevel(level, { all: true }).map(({ key }) => key));
    const excuses = await excusesFor(level);
    expect(excuses.flatMap(({ mutants }) => mutants).filter((key) => !keys.has(key))).toEqual([]);
    for (const { because } of excuses) expect(because).toMatch(/^\w.*\.$/);
  });
});

test('where the solution itself fails, mutants say nothing', async () => {
  const failing = { id: '05.1', title: '', status: 'failed', actual: 'no namespace' } as CheckResult;
  const graders = {
    grade: async () => ({ checks: [failing] }) as GradeResult,
    [Symbol.asyncDispose]: async () => {},
  };
  await expect(gradeMutants(findLevel('05')!, graders)).rejects.toThrow('the solution itself fails 05.1: no namespace');
});

test('the grader of level 05 finds each flag that is missing', async () => {
  await using graders = openGraders(2);
  const { results } = await gradeMutants(findLevel('05')!, graders, { only: 'dropped' });
  expect(results.map(({ mutant, outcome }) => [mutant.key, outcome])).toEqual([
    ['dropped in contain: linux.unshare(linux.CLONE_NEWUTS)', { kind: 'killed', by: expect.any(Array) }],
    ['dropped in contain: linux.unshare(linux.CLONE_NEWNS)', { kind: 'killed', by: expect.any(Array) }],
  ]);
});
