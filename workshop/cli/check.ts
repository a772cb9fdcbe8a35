// npm run check [level]: grades a level on a real container, and says what is wrong and why.
import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GradeResult, Target } from '../grading/result.ts';
import { explaining, openSession, shown } from '../grading/session.ts';
import { numberedLevels } from '../levels.ts';
import { currentLevel, readProgress } from '../progress.ts';
import { becomeRoot, boxFile, command, exitStatus, levelNamed, options, UsageError } from './command.ts';

const help = `Usage: npm run check [level] [-- options]

Runs your box.ts on a disposable host and asks the kernel what happened.
Without a level: the first one that has not passed yet.
A level is named level-01, 01, 1 or chroot.

  --all          every level
  --solution     the reference solution in place of your box.ts
  --file PATH    a box.ts from anywhere (with one level)
  --json         the result as JSON on stdout, and nothing else there
  --junit FILE   the result as JUnit XML in FILE
  --plain        words in place of symbols and colours
  --seed WORD    make the grader choose the same random values again
  --yes          build a missing image without asking

Exit status: 0 passed, 1 a check failed, 2 wrong usage, 3 this machine is not
ready, 4 the grader itself broke, 130 interrupted.
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: {
      all: { type: 'boolean' },
      solution: { type: 'boolean' },
      file: { type: 'string' },
      json: { type: 'boolean' },
      junit: { type: 'string' },
      plain: { type: 'boolean' },
      seed: { type: 'string' },
      yes: { type: 'boolean' },
    },
  });
  if (positionals.length > 1) throw new UsageError('check takes one level, or --all');
  if (values.solution && values.file !== undefined) {
    throw new UsageError('--solution and --file exclude each other: which box.ts is meant?');
  }
  if (values.all && (positionals.length > 0 || values.file !== undefined)) {
    throw new UsageError('--all goes with neither a level nor --file');
  }
  if (values.file !== undefined && positionals.length === 0) throw new UsageError('--file needs a level');
  const file = values.file === undefined ? undefined : boxFile(values.file);
  if (values.junit !== undefined) needFolderOf(values.junit);
  const target: Target = values.solution ? 'solution' : file === undefined ? 'student' : 'file';
  // Before the work: a file that cannot be read is said now, and not in place of the verdict.
  if (target === 'student') readProgress();
  const levels = values.all
    ? numberedLevels()
    : [positionals[0] === undefined ? currentLevel() : levelNamed(positionals[0])];

  becomeRoot();
  await using session = await openSession({ yes: values.yes === true || values.json === true });
  // While the first one is graded there is time to load what will show it.
  if (!values.json) void import('../grading/report.ts');
  const results: GradeResult[] = [];
  for (const level of levels) {
    const result = await session.grade({ level, target, file, seed: values.seed });
    results.push(result);
    if (values.json) continue;
    if (levels.length > 1) process.stdout.write(`\n${level.name}\n`);
    process.stdout.write(await shown(level, result, values.plain === true));
  }
  if (values.json) process.stdout.write(JSON.stringify(values.all ? results : results[0], null, 2) + '\n');
  if (values.junit !== undefined) {
    const { junit } = await import('../grading/junit.ts');
    await writeFile(values.junit, junit(results));
  }
  return results.every(({ passed }) => passed) ? exitStatus.passed : exitStatus.failed;
}

/** Said before the work is done, and not after it. @throws UsageError */
function needFolderOf(junit: string): void {
  const folder = path.dirname(path.resolve(junit));
  if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder}`);
  if (existsSync(junit) && statSync(junit).isDirectory())
    throw new UsageError(`${junit} is a folder: --junit takes a file`);
}

await command(help, explaining(main));
