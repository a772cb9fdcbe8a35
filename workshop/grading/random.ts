// What a program could otherwise guess: names and values that are new in each run. The seed makes a run repeatable.
import { createHash } from 'node:crypto';
import { assignmentIfAny } from './assignment.ts';

/** Choices of one module: what they are depends on its name and the seed, and not on when it is loaded. */
export function choices(module: string): {
  /** A word of eight small letters and digits. */
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
  return {
    randomWord: () => draw().toString('hex').slice(0, 8),
    pick: (of) => of[draw().readUInt32LE() % of.length]!,
    pickNumber: (from, to) => from + (draw().readUInt32LE() % (to - from + 1)),
  };
}
