// Mutants of bonus-images that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [];
