// Mutants of the bonus level about containers that stay that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [];
