// npm run hint [level] [check]: the next step of the ladder for a check: the idea, then the call, then nearly the code.
import { readFile } from 'node:fs/promises';
import wrapAnsi from 'wrap-ansi';
import { levelFile } from '../levels.ts';
import { changeProgress, currentLevel, readProgress } from '../progress.ts';
import { command, exitStatus, levelNamed, options, UsageError } from './command.ts';

const help = `Usage: npm run hint [level] [check]

Shows the next hint for a check: first the idea, then the call, then nearly the
code. Without a check: the first one of the level that has not passed.

Example: npm run hint level-00 00.2
`;

/** Columns. */
const WIDTH = 80;

async function main(argv: string[]): Promise<number> {
  const { positionals } = options({ args: argv, allowPositionals: true, options: {} });
  if (positionals.length > 2) throw new UsageError('hint takes a level and a check, no more');
  const progress = readProgress();
  const level = positionals[0] === undefined ? currentLevel(progress) : levelNamed(positionals[0]);
  const hints = ladders(await readFile(levelFile(level, 'hints.md'), 'utf8'));
  const check =
    positionals[1] ?? [...hints.keys()].find((id) => progress.passed[id] === undefined) ?? [...hints.keys()][0]!;
  const steps = hints.get(check);
  if (steps === undefined) {
    throw new UsageError(`${level.name} has no check "${check}"; it has ${[...hints.keys()].join(', ')}`);
  }
  let shown = 1;
  changeProgress((kept) => {
    shown = Math.min((kept.hints[check] ?? 0) + 1, steps.length);
    kept.hints[check] = shown;
  });
  const text = steps[shown - 1]!.replaceAll(/\n(?!\n)/g, ' ');
  process.stdout.write(`${check}, hint ${shown} of ${steps.length}\n\n${wrapAnsi(text, WIDTH)}\n`);
  return exitStatus.passed;
}

/** The three steps of each check: `## 00.1 …` and under it a numbered list. */
function ladders(markdown: string): Map<string, string[]> {
  const sections = markdown.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const id = section.split(/\s/)[0]!;
      const steps = section
        .split(/^\d\. /m)
        .slice(1)
        .map((step) => step.trim().replaceAll(/\n +/g, '\n'));
      return [id, steps] as const;
    }),
  );
}

await command(help, main);
