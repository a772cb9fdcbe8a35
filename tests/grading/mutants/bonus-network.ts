// Mutants of the bonus level about networks that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [];
