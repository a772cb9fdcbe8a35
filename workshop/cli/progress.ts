// npm run progress: one screen of what has passed, and when.
import fs from 'node:fs';
import { ink } from '../ink.ts';
import { allLevels, levelFile, spoken } from '../levels.ts';
import { checksOf } from '../checks.ts';
import { currentLevel, progressFile, readProgress } from '../progress.ts';
import { command, exitStatus, options, UsageError } from './command.ts';

const help = `Usage: npm run progress [-- options]

Shows the levels, their checks, and when each level passed. The bonus levels
stand apart: they come after the numbered ones, in any order.

  --json   the same as JSON

The progress is kept in progress.json, beside package.json.
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { json: { type: 'boolean' } },
  });
  if (positionals.length > 0) throw new UsageError('progress takes no words, it shows all levels');
  const progress = readProgress();
  const levels = allLevels().map((level) => ({
    level: level.name,
    bonus: level.bonus,
    passedAt: progress.levels[level.name] ?? null,
    checks: checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8')).map(({ id, title }) => ({
      id,
      title,
      passedAt: progress.passed[id] ?? null,
      hints: progress.hints[id] ?? 0,
    })),
  }));
  if (values.json) {
    process.stdout.write(JSON.stringify({ schema: progress.schema, levels }, null, 2) + '\n');
    return exitStatus.passed;
  }
  const current = currentLevel(progress);
  for (const [index, { level, bonus, passedAt, checks }] of levels.entries()) {
    if (bonus && !levels[index - 1]!.bonus) process.stdout.write('\n  to go on with, in any order\n');
    const passed = checks.filter((check) => check.passedAt !== null).length;
    const marks = checks.map((check) => (check.passedAt === null ? '·' : ink.green('✓'))).join('');
    const when = whenPassed(passedAt, passed === checks.length);
    const here = level === current.name ? '→' : ' ';
    process.stdout.write(
      `${here} ${level.padEnd(22)} ${`${passed}/${checks.length}`.padStart(5)}  ${marks}  ${when}\n`,
    );
  }
  const done = levels.every(({ bonus, passedAt }) => bonus || passedAt !== null);
  const next = done ? 'All numbered levels have passed.' : `Go on: npm run check ${spoken(current)}`;
  process.stdout.write(`\n${next}\n${ink.dim(`kept in ${progressFile}`)}\n`);
  return exitStatus.passed;
}

/** When a level passed, or why it has not although its own checks have. */
function whenPassed(passedAt: string | null, ownPassed: boolean): string {
  if (passedAt !== null) return ink.dim(`passed ${passedAt.slice(0, 16).replace('T', ' ')}`);
  return ownPassed ? ink.red('a check of an earlier level fails') : '';
}

await command(help, main);
