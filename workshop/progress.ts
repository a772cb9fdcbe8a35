// What a student has reached: one readable JSON file beside the levels, written atomically.
import fs from 'node:fs';
import path from 'node:path';
import { allLevels, type Level } from './levels.ts';
import { workshopRoot } from './paths.ts';
import type { GradeResult } from './grading/result.ts';

/** What is remembered: when each check passed for the first time, and how many hints were shown, by check id. */
export type Progress = {
  schema: 'boxwright/progress/v1';
  /** ISO 8601, by check id. A check that fails now is not in it. */
  passed: Record<string, string>;
  /** Levels of which every check passed, with the time. */
  levels: Record<string, string>;
  /** Steps of the ladder that were shown, by check id. */
  hints: Record<string, number>;
};

/** Where it is kept. */
export const progressFile = path.join(workshopRoot, 'progress.json');

/** The progress so far; empty where there is none yet. @throws Error where the file is no progress of ours */
export function readProgress(): Progress {
  let text: string;
  try {
    text = fs.readFileSync(progressFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { schema: 'boxwright/progress/v1', passed: {}, levels: {}, hints: {} };
  }
  try {
    const read = JSON.parse(text) as Progress;
    if (read.schema === 'boxwright/progress/v1') return read;
  } catch {
    // Said below, in one sentence.
  }
  throw new Error(`${progressFile} cannot be read as progress; move it away to begin anew`);
}

/** The level to go on with: the first one that has not passed, and the last one where all have. */
export function currentLevel(progress = readProgress()): Level {
  const levels = allLevels();
  return levels.find(({ name }) => progress.levels[name] === undefined) ?? levels.at(-1)!;
}

/** Keeps what a grading of the student's own program came to. */
export function recordResult(result: GradeResult): void {
  const progress = readProgress();
  const now = new Date().toISOString();
  for (const check of result.checks) {
    if (check.status === 'passed') progress.passed[check.id] ??= now;
    if (check.status === 'failed') delete progress.passed[check.id];
  }
  if (result.passed) progress.levels[result.level] ??= now;
  writeProgress(progress);
}

/** Replaces the file, whole or not at all. It belongs to whoever owns the checkout, also where root writes it. */
export function writeProgress(progress: Progress): void {
  const temporary = `${progressFile}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, JSON.stringify(progress, null, 2) + '\n');
    const { uid, gid } = fs.statSync(workshopRoot);
    if (process.getuid?.() === 0) fs.chownSync(temporary, uid, gid);
    fs.renameSync(temporary, progressFile);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}
