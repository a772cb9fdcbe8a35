// What a report says of a misconception, in a form that is the same each time: kept beside the wrong programs, so that
// whoever changes the words reads them as a student gets them.
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { CheckResult } from '../../workshop/grading/result.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import type { Mistake } from './mistakes.ts';

/** The file that holds what is said of the misconception that a program shows. */
export function wordingFile(level: string, misconception: string): string {
  return path.join(import.meta.dirname, 'wording', level, `${misconception}.txt`);
}

/** For each misconception of these programs the one that its wording is kept for: the first by name. */
export function exemplars(mistakes: readonly Mistake[]): Map<string, Mistake> {
  const first = new Map<string, Mistake>();
  for (const mistake of mistakes) {
    if (mistake.misconception !== null && !first.has(mistake.misconception)) first.set(mistake.misconception, mistake);
  }
  return first;
}

/** The failed check as the report has it, without what is another each time. */
export function wording(check: CheckResult, { program, line }: Pick<Mistake, 'program' | 'line'>): string {
  const place = line === null ? 'no line' : program.split('\n')[line - 1]!.trim();
  const parts = [
    ['we ran', check.tried],
    ['expected', check.expected],
    ['actual', check.actual],
    ...(check.evidence ?? []).map((text) => ['evidence', text]),
    ['meaning', check.why],
    ['look at', place],
    ['reproduce', check.reproduce],
    ['read', check.read],
  ];
  const lines = parts.map(([name, text]) => `${name!.padEnd(10)}${constant(text ?? '')}`);
  return [`${check.id} ${check.title}`, '', ...withoutRepeats(lines)].join('\n') + '\n';
}

/** Without numbers, which the kernel gives out or chance, but for 0 and modes; and without names that are made by chance. */
function constant(text: string): string {
  return text
    .replaceAll(/\bbox-\w{6}\b/g, 'box-ID')
    .replaceAll(/\bhost-[0-9a-f]+\b/g, 'host-ID')
    .replaceAll(/\b[0-9a-f]{8}\b/g, 'WORD')
    .replaceAll(/\/tmp\/boxwright-mistake-\w+/g, '/home/you')
    .replaceAll(workshopRoot, '/home/you/boxwright')
    .replaceAll(/(?<!\w|\.|-)(?!0)\d+(?:\.\d+)?(?![\w.]|-\w)/g, 'N');
}

/** Lines that differ in a number only are one: how many there are may be up to the kernel. */
function withoutRepeats(lines: string[]): string[] {
  return lines.filter((text, index) => !isDeepStrictEqual(text, lines[index - 1]));
}
