// npm run diff [level]: your box.ts against the reference solution.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { ink } from '../ink.ts';
import { createTwoFilesPatch } from 'diff';
import { levelFile, solutionFile, spoken } from '../levels.ts';
import { currentLevel, readProgress } from '../progress.ts';
import { command, exitStatus, levelNamed, options, UsageError } from './command.ts';

const help = `Usage: npm run diff [level] [-- options]

Shows what differs between your box.ts (-) and the reference solution (+).
While the level has not passed, it asks first: this shows the answer.

  --yes   do not ask
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { yes: { type: 'boolean' } },
  });
  if (positionals.length > 1) throw new UsageError('diff takes one level');
  const progress = readProgress();
  const level = positionals[0] === undefined ? currentLevel(progress) : levelNamed(positionals[0]);
  if (progress.levels[level.name] === undefined && values.yes !== true && !(await agrees(level.name))) {
    process.stdout.write(`A hint shows less: npm run hint ${spoken(level)}\n`);
    return exitStatus.passed;
  }
  const [yours, reference] = await Promise.all([
    readFile(levelFile(level, 'box.ts'), 'utf8'),
    readFile(solutionFile(level), 'utf8'),
  ]);
  const names = [`levels/${level.name}/box.ts`, `solutions/${level.name}/box.ts`] as const;
  if (yours === reference) process.stdout.write(`${names[0]} and ${names[1]} are the same.\n`);
  else
    process.stdout.write(
      coloured(createTwoFilesPatch(...names, yours, reference, undefined, undefined, { context: 3 })),
    );
  return exitStatus.passed;
}

async function agrees(level: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new UsageError(
      `${level} has not passed, and this shows the answer: if you mean it, npm run diff ${level} -- --yes`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${level} has not passed yet, and this shows the answer. Show it? [y/N] `);
  terminal.close();
  return /^\s*y(es)?\s*$/i.test(answer);
}

function coloured(patch: string): string {
  const paint = (line: string): string => {
    if (/^(={3,}|---|\+\+\+)/.test(line)) return ink.bold(line);
    if (line.startsWith('@@')) return ink.cyan(line);
    if (line.startsWith('+')) return ink.green(line);
    return line.startsWith('-') ? ink.red(line) : line;
  };
  return patch
    .split('\n')
    .filter((line) => !line.startsWith('====='))
    .map(paint)
    .join('\n');
}

await command(help, main);
