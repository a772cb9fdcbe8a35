// What graders say of mutants: those that pass where they should not are holes in a grader.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { type Level, neighbours, solutionFile } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { type GraderPool, writeProgram } from './grader-pool.ts';
import { type Mutant, mutantsOf } from './mutants.ts';

const runFile = promisify(execFile);
const tsc = path.join(workshopRoot, 'node_modules', '.bin', 'tsc');

/** Mutants of a level that may pass, and why. Each level has a list of these in tests/grading/mutants/. */
export type Excuse = {
  /** Why no grader could tell them from the solution; a sentence. */
  because: string;
  /** Where they are wrong only with one cgroup version: that one. With the other they pass. */
  wrongWith?: 'v1' | 'v2';
  /** Their keys. */
  mutants: readonly string[];
};

/** What became of a mutant. */
export type Outcome =
  /** It fails these checks, as it must. */
  | { kind: 'killed'; by: string[] }
  /** It passes, and nobody says why: a hole in the grader. */
  | { kind: 'survived' }
  /** It passes, and the list says why it may. */
  | { kind: 'equivalent' }
  /** It changes only what this machine does not run. */
  | { kind: 'elsewhere' }
  /** It names what is not there, so it cannot get past that line. Not graded. */
  | { kind: 'broken' }
  /** The grader gave no verdict: a fault of ours. */
  | { kind: 'fault'; message: string };

/** A level's mutants, each with what became of it, and the keys in its list that are wrong by now. */
export type Mutation = { results: { mutant: Mutant; outcome: Outcome }[]; stale: string[] };

/** What is asked for, where it is not all that is new in a level. */
export type MutationOptions = {
  /** Also mutants of what the level before has, too. */
  all?: boolean;
  /** Only those whose key has these words. */
  only?: string;
  /** Called after each verdict. */
  progress?: (mutant: Mutant, outcome: Outcome) => void;
};

/**
 * The mutants of a level. As a rule only of what is new in it: what is old has been seen to by the level before, whose
 * checks are asked of this level's program again.
 */
export function mutantsOfLevel(level: Level, { all = false, only = '' }: MutationOptions = {}): Mutant[] {
  const { before } = neighbours(level);
  const since = all || before === null ? undefined : fs.readFileSync(solutionFile(before), 'utf8');
  const here = { v1: 1, v2: 2, none: null } as const;
  const mutants = mutantsOf(fs.readFileSync(solutionFile(level), 'utf8'), { since, cgroup: here[cgroupVersion()] });
  return mutants.filter(({ key }) => key.includes(only));
}

/** Grades all mutants of a level. */
export async function gradeMutants(
  level: Level,
  graders: GraderPool,
  options: MutationOptions = {},
): Promise<Mutation> {
  const mutants = mutantsOfLevel(level, options);
  const excuses = await excusesFor(level);
  const excused = new Set(
    excuses.filter(({ wrongWith }) => wrongWith !== cgroupVersion()).flatMap(({ mutants: keys }) => keys),
  );
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-mutants-'));
  const remove = (): void => fs.rmSync(directory, { recursive: true, force: true });
  // Also on Ctrl-C, which ends a command here and now.
  process.once('exit', remove);
  try {
    const files = mutants.map(({ program }, index) => writeProgram({ name: `mutant-${index}`, program }, directory));
    await needPass(level, directory, graders);
    /** The level's own checks that have failed a mutant, the latest first; two of them. */
    let latest: string[] = [];
    const broken = await withoutNames(files);
    const results = await Promise.all(
      mutants.map(async (mutant, index) => {
        const file = files[index]!;
        const outcome = await outcomeOf(mutant, file);
        options.progress?.(mutant, outcome);
        return { mutant, outcome };
      }),
    );
    const passed = new Set(
      results.filter(({ outcome }) => outcome.kind === 'equivalent').map(({ mutant }) => mutant.key),
    );
    return { results, stale: [...excused].filter((key) => key.includes(options.only ?? '') && !passed.has(key)) };

    async function outcomeOf(mutant: Mutant, file: string): Promise<Outcome> {
      if (mutant.elsewhere) return { kind: 'elsewhere' };
      if (broken.has(file)) return { kind: 'broken' };
      // One check that fails is enough. Most often it is the one that failed the mutant of the line before, so that is
      // asked first, alone; and most mutants that fail at all fail one of the level's own.
      for (const only of [...latest.map((id) => [id]), 'own', undefined] as const) {
        const result = await graders.grade({ level, target: 'file', file, only });
        if ('fault' in result) return { kind: 'fault', message: result.fault };
        const failed = result.checks.filter(({ status }) => status === 'failed').map(({ id }) => id);
        if (failed.length === 0) continue;
        // What all earlier levels say together is no check that could be asked alone.
        if (only !== undefined) latest = [...new Set([failed[0]!, ...latest])].slice(0, 2);
        return { kind: 'killed', by: failed };
      }
      return { kind: excused.has(mutant.key) ? 'equivalent' : 'survived' };
    }
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** The solution, graded as its mutants are, must pass: or all of them would be killed by something else. */
async function needPass(level: Level, directory: string, graders: GraderPool): Promise<void> {
  const file = writeProgram({ name: 'solution', program: fs.readFileSync(solutionFile(level), 'utf8') }, directory);
  const result = await graders.grade({ level, target: 'file', file });
  if ('fault' in result) throw new Error(result.fault);
  const failed = result.checks.find(({ status }) => status === 'failed');
  if (failed !== undefined) throw new Error(`the solution itself fails ${failed.id}: ${failed.actual}`);
}

/** The list of a level. */
export async function excusesFor(level: Level): Promise<readonly Excuse[]> {
  const { excuses } = (await import(`./mutants/${level.name}.ts`)) as { excuses: readonly Excuse[] };
  return excuses;
}

// ---- programs that name what is not there ------------------------------------------------------------------------

/** "Cannot find name", "used before its declaration", "used before being assigned", "no value for the shorthand". */
const unknownNames = ['TS2304', 'TS2552', 'TS2448', 'TS2454', 'TS18004'];

/**
 * Which of these files use a name that is not there. (Other type errors do not keep Node from running a program, so a
 * grader has to find what is wrong with it.)
 */
async function withoutNames(files: readonly string[]): Promise<Set<string>> {
  if (files.length === 0) return new Set();
  const config = path.join(path.dirname(files[0]!), 'tsconfig.json');
  const { imports } = JSON.parse(fs.readFileSync(path.join(workshopRoot, 'package.json'), 'utf8')) as {
    imports: Record<string, string>;
  };
  const paths = Object.entries({ ...imports, tar: './node_modules/tar' }).map(([name, file]) => [
    name,
    [path.join(workshopRoot, file)],
  ]);
  const compilerOptions = {
    paths: Object.fromEntries(paths) as Record<string, string[]>,
    // Beside no package.json they would be taken for CommonJS.
    module: 'esnext',
    moduleResolution: 'bundler',
    typeRoots: [path.join(workshopRoot, 'node_modules/@types')],
  };
  fs.writeFileSync(
    config,
    JSON.stringify({
      extends: path.join(workshopRoot, 'tsconfig.json'),
      compilerOptions,
      include: ['*.ts'],
      exclude: [],
    }),
  );
  const output = await runFile(tsc, ['-p', config], { maxBuffer: 2 ** 26 }).then(
    ({ stdout }) => stdout,
    // It found errors, which is what it is asked for.
    ({ stdout }: { stdout: string }) => stdout,
  );
  // Those with these numbers are about its syntax.
  const noProgram = /^.*error TS1\d{3}:.*$/m.exec(output);
  if (noProgram !== null) throw new Error(`a mutant is no program: ${noProgram[0]}`);
  const found = [...output.matchAll(/^(?:.*\/)?(mutant-\d+\.ts)\(\d+,\d+\): error (TS\d+):/gm)];
  return new Set(
    found
      .filter(([, , code]) => unknownNames.includes(code!))
      .map(([, name]) => path.join(path.dirname(config), name!)),
  );
}
