// What people believe who fail the bonus level about fences.
import { findCall, type Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [];
