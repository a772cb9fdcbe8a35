// What a program could otherwise guess: names and values that are new in each run. The seed makes a run repeatable.
import { createHash } from 'node:crypto';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** What all random choices of a grading follow from. */
    seed: string;
  }
}

let drawn = 0;

/** A word of eight small letters and digits. */
export function randomWord(): string {
  return draw().toString('hex').slice(0, 8);
}

/** One of the choices. */
export function pick<Choice>(choices: readonly Choice[]): Choice {
  return choices[draw().readUInt32LE() % choices.length]!;
}

/** A whole number from `from` to `to`. */
export function pickNumber(from: number, to: number): number {
  return from + (draw().readUInt32LE() % (to - from + 1));
}

function draw(): Buffer {
  drawn += 1;
  return createHash('sha256')
    .update(`${inject('seed')}:${drawn}`)
    .digest();
}
