// npm run check [level]: grades a level on a real container, and says what is wrong and why.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fillCompileCache } from '../grading/compile-cache.ts';
import type { GradeResult, Target } from '../grading/result.ts';
import { fileOf } from '../grading/run-grader.ts';
import { GraderFault, openGrader } from '../grading/grader.ts';
import { NoTestbed, sweepTestbeds } from '../grading/testbed.ts';
import { ensureImage } from '../images/ensure.ts';
import { allLevels, type Level, spoken } from '../levels.ts';
import { currentLevel, recordResult } from '../progress.ts';
import { becomeRoot, command, endOnSignals, exitStatus, levelNamed, NotReady, options, UsageError } from './command.ts';

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
  const file = values.file === undefined ? undefined : path.resolve(values.file);
  if (file !== undefined && !existsSync(file)) throw new UsageError(`there is no file ${values.file}`);
  const target: Target = values.solution ? 'solution' : file === undefined ? 'student' : 'file';
  const levels = values.all
    ? allLevels()
    : [positionals[0] === undefined ? currentLevel() : levelNamed(positionals[0])];

  becomeRoot();
  // First: until it is ready, there is time for everything else.
  await using grader = openGrader();
  endOnSignals(async () => {
    // The grader first: it would open the next testbed while we remove this one.
    await grader.close();
    await sweepTestbeds(process.pid);
  });
  for (const swept of await sweepTestbeds()) {
    process.stderr.write(
      `Swept what a killed run left: testbed ${swept.id} (${swept.processes} processes, ${swept.cgroups} cgroups)\n`,
    );
  }
  if (!(await ensureImage('busybox', { yes: values.yes === true || values.json === true }))) {
    throw new NotReady('the image busybox is not built: run "npm run setup"');
  }

  const results: GradeResult[] = [];
  for (const level of levels) {
    await fillCompileCache(file ?? fileOf(level, target));
    const result = await grader.grade({ level, target, file, seed: values.seed });
    results.push(result);
    if (target === 'student') recordResult(result);
    if (!values.json) process.stdout.write(await show(level, result, values.plain === true, levels.length > 1));
  }
  if (values.json) process.stdout.write(JSON.stringify(values.all ? results : results[0], null, 2) + '\n');
  if (values.junit !== undefined) {
    const { junit } = await import('../grading/junit.ts');
    await writeFile(values.junit, junit(results));
  }
  return results.every(({ passed }) => passed) ? exitStatus.passed : exitStatus.failed;
}

async function show(level: Level, result: GradeResult, plain: boolean, several: boolean): Promise<string> {
  const { report } = await import('../grading/report.ts');
  const levels = allLevels();
  const next = levels[levels.findIndex(({ name }) => name === level.name) + 1];
  const style = { plain: plain || process.env['NO_COLOR'] !== undefined, columns: process.stdout.columns ?? 80 };
  return (
    (several ? `\n${level.name}\n` : '') +
    report(result, style, {
      command: `npm run check ${spoken(level)}`,
      nextLevel: next === undefined ? null : spoken(next),
      lesson: `levels/${level.name}/README.md`,
      file: `levels/${level.name}/box.ts`,
    })
  );
}

await command(help, async (argv) => {
  try {
    return await main(argv);
  } catch (error) {
    if (error instanceof NoTestbed) {
      throw new NotReady(
        `${error.message}. A plain container has no right to make namespaces: use the virtual machine (vagrant up), or a container with --privileged`,
        { cause: error },
      );
    }
    if (!(error instanceof GraderFault)) throw error;
    process.stderr.write(`The grader itself broke; this says nothing about your program: ${error.message}\n`);
    return exitStatus.fault;
  }
});
