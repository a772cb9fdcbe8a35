// The wrong programs: each is a diff against a level's solution, under a head that says who writes such a program and
// what the grader must find.
//
//   A sentence: what somebody believes who writes this.
//
//   fails: 01.5               the first check that fails
//   also: 01.6 01.7           others that fail for the same reason, if there are any; all else passes or is blocked
//   perhaps: 01.7             checks that may fail or pass, which is up to the kernel
//   races: 01.6 01.7          where two processes race, any of these may be what fails in place of those above
//   misconception: slug       what must be found, or none
//   at: linux.chroot(root)    words of the line that must be named, or none where there can be no such line
//   cgroup: v2                where it is wrong with one cgroup version only: that one. Elsewhere it is not graded
import fs from 'node:fs';
import path from 'node:path';
import { applyPatch } from 'diff';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import type { GradeResult } from '../../workshop/grading/result.ts';
import type { GraderJob } from '../../workshop/grading/run-grader.ts';
import { findLevel, type Level, solutionFile } from '../../workshop/levels.ts';
import { gradeProgram, type GraderPool } from './grader-pool.ts';

const folder = path.join(import.meta.dirname, 'mistakes');

/** A wrong program. */
export type Mistake = {
  /** `01-chroot/no-chdir` */
  name: string;
  belief: string;
  fails: string;
  also: string[];
  perhaps: string[];
  races: string[];
  misconception: string | null;
  /** The whole program, and the number of the line in it that the report must name; null where there is none. */
  program: string;
  line: number | null;
  /** The cgroup version with which it is wrong; null for both. */
  cgroup: 'v1' | 'v2' | null;
};

/** The wrong programs of a level, by name. @throws Error naming the file that is not as it should be */
export function mistakesOf(level: string): Mistake[] {
  return fs
    .readdirSync(path.join(folder, level))
    .filter((file) => file.endsWith('.diff'))
    .map((file) => readMistake(`${level}/${file.slice(0, -'.diff'.length)}`));
}

/**
 * Of wrong programs one for each misconception: the first that can be seen here and fails alike each time, if there is
 * one. Those without a misconception stand for themselves.
 */
export function oneForEachMisconception(mistakes: readonly Mistake[]): Mistake[] {
  const groups = Map.groupBy(mistakes, (mistake) => mistake.misconception ?? mistake.name);
  const seenHere = (mistake: Mistake): boolean => notHere(mistake) === null;
  return [...groups.values()].map(
    (group) => group.find((one) => seenHere(one) && isSteady(one)) ?? group.find(seenHere) ?? group[0]!,
  );
}

/** Whether neither a race nor the kernel has a say in what of it fails. */
export function isSteady({ races, perhaps }: Mistake): boolean {
  return races.length === 0 && perhaps.length === 0;
}

/** One wrong program, by its name: `01-chroot/no-chdir`. @throws Error as above */
export function readMistake(name: string): Mistake {
  const text = fs.readFileSync(path.join(folder, `${name}.diff`), 'utf8');
  const head = text.slice(0, text.indexOf('\n--- '));
  const field = (key: string): string => new RegExp(`^${key}: *(.*)$`, 'm').exec(head)?.[1] ?? '';
  const solution = fs.readFileSync(solutionFile(findLevel(path.dirname(name))!), 'utf8');
  const program = applyPatch(solution, text.slice(head.length + 1), { fuzzFactor: 2 });
  if (program === false) throw new Error(`${name}.diff does not fit the solution any more: make it anew`);
  return {
    name,
    belief: head.split('\n\n')[0]!,
    fails: field('fails'),
    also: field('also').split(' ').filter(Boolean),
    perhaps: field('perhaps').split(' ').filter(Boolean),
    races: field('races').split(' ').filter(Boolean),
    misconception: field('misconception') === 'none' ? null : field('misconception'),
    program,
    line: lineWith(program, field('at'), name),
    cgroup: cgroupField(field('cgroup'), name),
  };
}

/** Why this machine cannot show what is wrong with a program; null where it can. */
export function notHere({ cgroup }: Mistake): string | null {
  const here = cgroupVersion();
  return cgroup === null || cgroup === here ? null : `needs cgroup ${cgroup}, and this machine has ${here}`;
}

/** What a report must say of a wrong program, or says: the checks that fail, and what is said of the first. */
export type Verdict = { fails: string[]; misconception: string | null; line: number | null };

/** All that must fail. */
export function mustFail({ fails, also }: Mistake): string[] {
  return [fails, ...also];
}

/** The checks that failed, as the head of a wrong program has them: what is up to the kernel makes no difference. */
export function settled(failed: string[], mistake: Mistake): string[] {
  const fails = failed.filter((id) => !mistake.perhaps.includes(id));
  const ofTheRace = [...mustFail(mistake), ...mistake.races];
  const lost = mistake.races.length > 0 && fails.length > 0 && fails.every((id) => ofTheRace.includes(id));
  return lost ? mustFail(mistake) : fails;
}

/** What a result says of a program; of a wrong one, as its head would say it. */
export function verdictOn(file: string, { checks }: GradeResult, mistake?: Mistake): Verdict {
  const failed = checks.filter(({ status }) => status === 'failed');
  const at = failed[0]?.at ?? null;
  const fails = failed.map(({ id }) => id);
  return {
    fails: mistake === undefined ? fails : settled(fails, mistake),
    misconception: failed[0]?.mistake ?? null,
    line: at?.file === file ? at.line : null,
  };
}

/** The checks that the head of a wrong program names. What fails of earlier levels can be any of theirs: then all are. */
export function named(mistake: Mistake): string[] | undefined {
  const ids = [...mustFail(mistake), ...mistake.perhaps, ...mistake.races];
  return ids.some((id) => id.endsWith('.0')) ? undefined : ids;
}

/** Grades a wrong program of a level. @throws Error as gradeProgram */
export async function gradeMistake(
  level: Level,
  mistake: Mistake,
  graders: GraderPool,
  how: Pick<GraderJob, 'seed' | 'only'> = {},
): Promise<{ expected: Verdict; found: Verdict; result: GradeResult }> {
  const { file, result } = await gradeProgram(graders, level, mistake, how);
  const { misconception, line } = mistake;
  return {
    expected: { fails: mustFail(mistake), misconception, line },
    found: verdictOn(file, result, mistake),
    result,
  };
}

function cgroupField(word: string, name: string): Mistake['cgroup'] {
  if (word === 'v1' || word === 'v2') return word;
  if (word === '') return null;
  throw new Error(`${name}.diff: "cgroup: ${word}" is neither v1 nor v2`);
}

function lineWith(program: string, words: string, name: string): number | null {
  if (words === 'none') return null;
  const found = program.split('\n').flatMap((line, index) => (words !== '' && line.includes(words) ? [index + 1] : []));
  if (found.length === 1) return found[0]!;
  throw new Error(`${name}.diff: "at: ${words}" is in ${found.length} lines of the program, and must be in one`);
}
