// What people believe who fail the bonus level about containers that go on by themselves.
import type { Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [];
