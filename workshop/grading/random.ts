// What a program could otherwise guess: names and values that are new in each run. The seed makes a run repeatable.
import { createHash } from 'node:crypto';
import { assignmentIfAny } from './assignment.ts';

/** Choices of one module: what they are depends on its name and the seed, and not on when it is loaded. */
export function choices(module: string): {
  /** A word of eight small letters and digits, with both in it: nobody takes it for a number. */
  randomWord(): string;
  /** One of these. */
  pick<Choice>(of: readonly Choice[]): Choice;
  /** A whole number from `from` to `to`. */
  pickNumber(from: number, to: number): number;
} {
  let drawn = 0;
  const draw = (): Buffer => {
    drawn += 1;
    return createHash('sha256').update(`${assignmentIfAny()?.seed}:${module}:${drawn}`).digest();
  };
  const randomWord = (): string => /[a-f][0-9a-f]{6}[0-9]/.exec(draw().toString('hex'))?.[0] ?? randomWord();
  return {
    randomWord,
    pick: (of) => of[draw().readUInt32LE() % of.length]!,
    pickNumber: (from, to) => from + (draw().readUInt32LE() % (to - from + 1)),
  };
}
