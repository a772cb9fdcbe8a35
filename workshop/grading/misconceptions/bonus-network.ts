// What people believe who fail the bonus level about networks.
import type { Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [];
