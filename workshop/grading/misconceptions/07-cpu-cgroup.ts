// What people believe who fail level 07.
import type { Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [];
