// A hint gives as much as its step promises. The first names the idea, the second the call and its manual page, the
// third is nearly the code. So the first two hold no piece of the solution that a student could copy in place of
// thinking. What is in the skeleton already is no secret, nor is a name that an earlier check's hints have told.
//
// In the first two hints, a piece of the solution is one of these, as it stands in the lines that it adds:
//   - three or more tokens in a row, in a hint's code: `MS_PRIVATE | linux.MS_REC`, `mount(root, root`. A dotted name is
//     one token, so `fs.mkdirSync` is a name, and `mount(source, target)` is a signature that the solution does not have;
//   - a literal that is no mere name: an option string, a pattern, a path, a mode. Names of the kernel's files and
//     filesystems ("memory.max", "proc") are what a manual page says, and may stand in the second hint.
// In the first hint also
//   - the name of a system call or of its constants: `fork`, `CLONE_NEWUTS`.
import fs from 'node:fs';
import { diffLines } from 'diff';
import { describe, expect, test } from 'vitest';
import { type Level, levelFile, numberedLevels, skeletonFile, solutionFile } from '../workshop/levels.ts';

/** Names with their dots, numbers, strings, templates, patterns, signs. */
const token =
  /[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*|\d\w*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|(?<=[(=,:?] *)\/(?:[^/\\\n]|\\.)+\/[a-z]*|[^\s\w]/g;
const isLiteral = (word: string): boolean => /^['`/].+['`/a-z]$/.test(word);
/** `proc`, `memory.max`, `-1`; an octal number is a mode. */
const isName = (word: string): boolean => /^[\w.-]*$/.test(word) && !/^0o\d/.test(word);

type Solution = {
  skeleton: string;
  /** The lines that it adds, as tokens. */
  lines: string[][];
};

function solutionOf(level: Level): Solution {
  const skeleton = fs.readFileSync(skeletonFile(level), 'utf8');
  const added = diffLines(skeleton, fs.readFileSync(solutionFile(level), 'utf8')).filter((part) => part.added);
  const lines = added.flatMap(({ value }) => value.split('\n')).filter((line) => !/^\s*(\/\/|\/?\*)/.test(line));
  return { skeleton, lines: lines.map(tokensOf) };
}

/** The hints of a level's checks. */
function hintsOf(level: Level): { id: string; hints: string[] }[] {
  const sections = fs.readFileSync(levelFile(level, 'hints.md'), 'utf8').split(/^## /m).slice(1);
  return sections.map((section) => ({ id: section.split(' ')[0]!, hints: section.split(/^\d\. /m).slice(1) }));
}

function tokensOf(code: string): string[] {
  return code.match(token) ?? [];
}

/** What two lists have in a row, if it is three or more; the longest such pieces. */
function inARow(code: readonly string[], line: readonly string[]): string[] {
  return code.flatMap((_word, from) =>
    line.flatMap((_token, start) => {
      let length = 0;
      while (code[from + length] !== undefined && code[from + length] === line[start + length]) length += 1;
      return length >= 3 ? [code.slice(from, from + length).join(' ')] : [];
    }),
  );
}

/** The pieces of the solution that a second hint must not hold, and holds. */
function piecesIn(hint: string, { skeleton, lines }: Solution): string[] {
  const spans = [...hint.matchAll(/`([^`]+)`/g)].map(([, code]) => tokensOf(code!.replaceAll(/\s+/g, ' ')));
  const rows = spans.flatMap((code) => lines.flatMap((line) => inARow(code, line)));
  const literals = lines
    .flat()
    .filter((word) => isLiteral(word) || /^0o\d/.test(word))
    .map((word) => (isLiteral(word) ? word.replace(/^['`](.*)['`]$/s, '$1') : word))
    .filter((word) => !isName(word) && !skeleton.includes(word) && hint.includes(word));
  return [...new Set([...rows.filter((row) => !skeleton.includes(row.replaceAll(' ', ''))), ...literals])];
}

/** The names of system calls and constants that a first hint must not hold, and holds. */
function namesIn(hint: string, { skeleton, lines }: Solution, told: string): string[] {
  const names = lines.flat().flatMap((word) => (word.startsWith('linux.') ? [word.slice('linux.'.length)] : []));
  const isIn = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
  return [...new Set(names)].filter((name) => isIn(hint, name) && !isIn(skeleton, name) && !isIn(told, name));
}

describe.for(numberedLevels())('$name', (level) => {
  const solution = solutionOf(level);
  const checks = hintsOf(level);

  test.for(checks)('the first two hints of $id hold no piece of the solution', ({ id, hints }) => {
    const told = checks
      .filter((check) => check.id < id)
      .flatMap((check) => check.hints)
      .join('\n');
    expect([...namesIn(hints[0]!, solution, told), ...piecesIn(hints[0]!, solution)]).toEqual([]);
    expect(piecesIn(hints[1]!, solution)).toEqual([]);
  });
});

test('what is nearly the code would be seen', () => {
  const uts = solutionOf(numberedLevels().find(({ number }) => number === '05')!);
  expect(piecesIn('`linux.CLONE_NEWNS | linux.CLONE_NEWUTS`', uts)).toEqual(['linux.CLONE_NEWNS | linux.CLONE_NEWUTS']);
  expect(piecesIn('Flags are joined: `CLONE_NEWNS` and `CLONE_NEWUTS`; `unshare(flags)`.', uts)).toEqual([]);

  const small: Solution = { skeleton: '', lines: [tokensOf('linux.sethostname(id, 0o666);')] };
  expect(piecesIn('The mode is 0o666.', small)).toEqual(['0o666']);
  expect(namesIn('Use sethostname.', small, '')).toEqual(['sethostname']);
  expect(namesIn('Use sethostname.', small, 'As with sethostname.')).toEqual([]);
  expect(namesIn('Use sethostname.', { ...small, skeleton: '// TODO: sethostname' }, '')).toEqual([]);

  const mounts = solutionOf(numberedLevels().find(({ number }) => number === '02')!);
  expect(piecesIn('The options are newinstance,ptmxmode=0666,mode=620.', mounts)).toHaveLength(1);

  const third = numberedLevels().map((level) => {
    const solution = solutionOf(level);
    return hintsOf(level).filter(({ hints }) => piecesIn(hints[2]!, solution).length > 0).length;
  });
  expect(third.filter((count) => count === 0)).toEqual([]);
});
