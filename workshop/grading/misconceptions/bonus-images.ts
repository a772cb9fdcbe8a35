// What people believe who fail the bonus level about images in layers.
import type { Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [];
