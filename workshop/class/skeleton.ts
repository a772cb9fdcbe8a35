// Whether somebody has done anything: a whole checkout holds the skeletons of all levels that its owner never began.
import fs from 'node:fs';
import { type Level, skeletonFile } from '../levels.ts';

const skeletons = new Map<string, string>();

/** Whether a box.ts is the level's skeleton. How its lines end, and blanks at their ends, make no difference. */
export function isUntouched(level: Level, text: string): boolean {
  const known = skeletons.get(level.name) ?? withoutEnds(fs.readFileSync(skeletonFile(level), 'utf8'));
  skeletons.set(level.name, known);
  return withoutEnds(text) === known;
}

/** A text without what editors and git change at the ends of lines. */
function withoutEnds(text: string): string {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
}
