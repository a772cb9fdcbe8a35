// What students read who have a misconception: the report of a wrong program, as a file in wording/ that a person has
// read. What differs from run to run stands there as N or ID.
import fs from 'node:fs';
import path from 'node:path';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { report, wordsOf } from '../../workshop/grading/report.ts';
import type { CheckResult, GradeResult } from '../../workshop/grading/result.ts';
import { findLevel } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { isSteady, type Mistake } from './mistakes.ts';

/**
 * The file that holds what is said of a wrong program's misconception; null where that is not one thing, or where nobody
 * has read those of its level yet: then wording/ has no folder for it.
 */
export function wordingFile(mistake: Mistake): string | null {
  const { name, misconception } = mistake;
  const folder = path.join(import.meta.dirname, 'wording', path.dirname(name));
  // What is said of a race depends on how it ends; and evidence names the cgroup version, of which v1 is in the files.
  if (misconception === null || !isSteady(mistake) || cgroupVersion() !== 'v1' || !fs.existsSync(folder)) return null;
  return path.join(folder, `${misconception}.txt`);
}

/** The first failure as a student reads it. */
export function wordingOf(result: GradeResult): string {
  const first = result.checks.find(({ status }) => status === 'failed')!;
  const level = findLevel(result.level)!;
  return report({ ...result, checks: [settled(first)] }, { plain: true, columns: 80 }, wordsOf(level));
}

/** Without what a kernel or a program chooses anew each time. */
function settled(check: CheckResult): CheckResult {
  const { at, evidence } = check;
  const changed: CheckResult = {
    ...check,
    ...(at && { at: { ...at, file: path.basename(at.file) } }),
    ...(evidence !== undefined && { evidence: inOneOrder(evidence.map(withoutChance)) }),
  };
  for (const part of ['tried', 'expected', 'actual', 'reproduce'] as const) {
    const text = check[part];
    if (text !== undefined) changed[part] = withoutChance(text);
  }
  return changed;
}

/** The calls of two processes come in either order. */
function inOneOrder(evidence: string[]): string[] {
  const isCall = (line: string): boolean => /^\w+\(/.test(line);
  const calls = evidence.filter(isCall).sort();
  return evidence.map((line) => (isCall(line) ? calls.shift()! : line));
}

function withoutChance(text: string): string {
  return (
    text
      .replaceAll(workshopRoot, 'WORKSHOP')
      .replaceAll(/boxwright-mistake-\w{6}/g, 'boxwright-mistake-ID')
      .replaceAll(/\b(box|upper|work|container)-[A-Za-z0-9]{6}\b/g, '$1-ID')
      .replaceAll(/\.unfinished-\w{6}/g, '.unfinished-ID')
      .replaceAll(/\bhost-[0-9a-f]{6}\b/g, 'host-ID')
      .replaceAll(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, 'MAC')
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID')
      .replaceAll(/(?<![0-9A-Za-z])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/g, 'ID')
      .replaceAll(/\b\d+\.\d+(?!\.)\b/g, 'N')
      .replaceAll(/\b(?<=of |it is |size=|later=|^)\d{2,3} \d{2,3}\b(?! of)/g, 'N N')
      .replaceAll(/\b(process|pid|PID|user|thread)( |=)\d{2,}/g, '$1$2N')
      .replaceAll(/\/proc\/\d+/g, '/proc/N')
      // Of a call that our own code makes, no place of box.ts is known where it was loaded from its sources.
      .replaceAll(/(_exit\(125\)) +\S+$/g, '$1')
      .replaceAll(/\bstate [RSD]\b/g, 'state S')
      // Devices without a disk are numbered as they come, and how many mounts there are is the machine's own.
      .replaceAll(/\b0:\d+\b/g, '0:N')
      .replaceAll(/\b\d+ of its \d+ mounts\b/g, 'N of its N mounts')
      .replaceAll(/\b\d+ (mounts that|of them not|more$)/g, 'N $1')
      .replaceAll(/\b((?:fork|clone)\(.*\) = )\d+/g, '$1N')
      .replaceAll(/\bwaitpid\(\d{2,}/g, 'waitpid(N')
      .replaceAll(/\b\d+ (ms|s|seconds|milliseconds)\b/g, 'N $1')
      .replaceAll(/\b[1-9]\d{4,}\b/g, 'N')
  );
}
