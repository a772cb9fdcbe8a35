// What a student has reached: one readable JSON file beside the levels, written atomically.
import fs from 'node:fs';
import path from 'node:path';
import { type Level, numberedLevels } from './levels.ts';
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

/** Where it is kept; BOXWRIGHT_PROGRESS overrides it. */
export const progressFile = path.resolve(process.env['BOXWRIGHT_PROGRESS'] || path.join(workshopRoot, 'progress.json'));

/** The file of the progress cannot be used: one sentence that says what to do. The file is as it was. */
export class ProgressUnusable extends Error {
  override name = 'ProgressUnusable';
}

/** The progress so far; empty where there is none yet. @throws ProgressUnusable where the file is no progress of ours */
export function readProgress(): Progress {
  let text: string;
  try {
    text = fs.readFileSync(progressFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { schema: 'boxwright/progress/v1', passed: {}, levels: {}, hints: {} };
    }
    throw new ProgressUnusable(`your progress cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    const read: unknown = JSON.parse(text);
    if (isProgress(read)) return read;
  } catch {
    // Said below, in one sentence.
  }
  throw new ProgressUnusable(`${progressFile} cannot be read as progress; move it away to begin anew`);
}

/** The level to go on with: the first one that has not passed, and the last one where all have. */
export function currentLevel(progress = readProgress()): Level {
  const levels = numberedLevels();
  return levels.find(({ name }) => progress.levels[name] === undefined) ?? levels.at(-1)!;
}

function isProgress(value: unknown): value is Progress {
  const isRecord = (part: unknown): boolean => typeof part === 'object' && part !== null && !Array.isArray(part);
  if (!isRecord(value)) return false;
  const { schema, passed, levels, hints } = value as Record<keyof Progress, unknown>;
  return schema === 'boxwright/progress/v1' && [passed, levels, hints].every(isRecord);
}

/** Keeps what a grading of the student's own program came to. @throws ProgressUnusable */
export function recordResult(result: GradeResult): void {
  changeProgress((progress) => {
    const now = new Date().toISOString();
    for (const check of result.checks) {
      if (check.status === 'passed') progress.passed[check.id] ??= now;
      if (check.status === 'failed') delete progress.passed[check.id];
    }
    if (result.passed) progress.levels[result.level] ??= now;
  });
}

/** Milliseconds after which somebody who holds the lock has surely died: a change takes a few. */
const LOCK_AGE = 5000;

/** Reads the progress, changes it and keeps it, with nobody in between. @throws ProgressUnusable */
export function changeProgress(change: (progress: Progress) => void): void {
  const lock = `${progressFile}.lock`;
  try {
    takeLock(lock);
  } catch (error) {
    throw new ProgressUnusable(`your progress cannot be kept: ${(error as Error).message}`, { cause: error });
  }
  try {
    const progress = readProgress();
    change(progress);
    writeProgress(progress);
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

function takeLock(lock: string): void {
  for (;;) {
    try {
      fs.closeSync(fs.openSync(lock, 'wx'));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const held = fs.statSync(lock, { throwIfNoEntry: false });
    if (held !== undefined && Date.now() - held.mtimeMs > LOCK_AGE) fs.rmSync(lock, { force: true });
    // The calls of this file are synchronous, so that no signal handler comes in between.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

/** Replaces the file, whole or not at all. It belongs to whoever owns the checkout, also where root writes it. */
function writeProgress(progress: Progress): void {
  const temporary = `${progressFile}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, JSON.stringify(progress, null, 2) + '\n');
    const { uid, gid } = fs.statSync(workshopRoot);
    if (process.getuid?.() === 0) fs.chownSync(temporary, uid, gid);
    fs.renameSync(temporary, progressFile);
  } catch (error) {
    throw new ProgressUnusable(`your progress cannot be kept: ${(error as Error).message}`, { cause: error });
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}
