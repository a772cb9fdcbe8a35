// npm run hint [level] [check]: the next step of the ladder for a check: the idea, then the call, then nearly the code.
import { readFile } from 'node:fs/promises';
import wrapAnsi from 'wrap-ansi';
import { earlierOf, findLevel, type Level, levelFile, spoken } from '../levels.ts';
import { changeProgress, currentLevel, type Progress, readProgress } from '../progress.ts';
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
  const [level, asked] = whatIsMeant(positionals, progress);
  const hints = ladders(await readFile(levelFile(level, 'hints.md'), 'utf8'));
  const open = [...hints.keys()].find((id) => progress.passed[id] === undefined);
  const check = asked ?? open ?? (isOpen(level, progress) ? earlierOf(level) : [...hints.keys()][0]!);
  if (check === earlierOf(level)) {
    process.stdout.write(
      `${check} asks the checks of earlier levels again: "npm run check ${spoken(level)}" says which of them fails, and the command for its hint.\n`,
    );
    return exitStatus.passed;
  }
  const steps = hints.get(check);
  if (steps === undefined) {
    throw new UsageError(`${level.name} has no check "${check}"; it has ${[...hints.keys()].join(', ')}`);
  }
  let shown = 1;
  let again = false;
  changeProgress((kept) => {
    again = kept.hints[check] === steps.length;
    shown = Math.min((kept.hints[check] ?? 0) + 1, steps.length);
    kept.hints[check] = shown;
  });
  const text = steps[shown - 1]!.replaceAll(/\n(?!\n)/g, ' ');
  const end = again ? `\nThere are no more. The reference beside yours: npm run diff ${spoken(level)}\n` : '';
  process.stdout.write(`${check}, hint ${shown} of ${steps.length}\n\n${wrapAnsi(text, WIDTH)}\n${end}`);
  return exitStatus.passed;
}

/** The level and the check that somebody typed. `06.1` alone is a check of level 06. @throws UsageError */
function whatIsMeant([first, second]: readonly string[], progress: Progress): [Level, string | undefined] {
  if (first === undefined) return [currentLevel(progress), undefined];
  const [number] = first.split('.');
  const level = second === undefined && /\.\d+$/.test(first) ? findLevel(number!) : null;
  return level === null ? [levelNamed(first), second] : [level, first];
}

/** Whether a check of an earlier level is what keeps the level from passing: it is asked again under this id. */
function isOpen(level: Level, { levels, passed }: Progress): boolean {
  return levels[level.name] === undefined && passed[earlierOf(level)] === undefined;
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
