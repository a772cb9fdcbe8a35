// npm run test:graders: every wrong program against its grader, as a table.
import { isDeepStrictEqual } from 'node:util';
import chalk from 'chalk';
import Table from 'cli-table3';
import { command, options, UsageError } from '../../workshop/cli/command.ts';
import { openGradersOfCommand } from './grader-pool.ts';
import { gradeMistake, notHere, type Verdict } from './mistakes.ts';
import { programsMeant } from './programs-meant.ts';

/** Programs that are graded at a time. */
const CONCURRENT = 2;

const help = `Usage: npm run test:graders [LEVEL | LEVEL/NAME …]

Grades the wrong programs of the levels, all of them without words, and prints
a table: the checks that must fail and did, the misconception that must be
found and was, the line of the program.

Exit status: 0 all as they must be, 1 some were not, 2 wrong usage.
`;

async function main(words: string[]): Promise<number> {
  const { positionals } = options({ args: words, allowPositionals: true });
  const meant = programsMeant(positionals).flatMap(({ level, mistake }) =>
    mistake === null ? [] : [{ level, mistake }],
  );
  if (meant.length === 0)
    throw new UsageError(`no wrong program is meant by ${words.join(' ')}: name a level, or LEVEL/NAME`);

  await using graders = await openGradersOfCommand(CONCURRENT);
  const rows = await Promise.all(
    meant.map(async ({ level, mistake }) => {
      const skipped = notHere(mistake);
      if (skipped !== null) return { name: mistake.name, verdict: skipped, skipped: true };
      const verdict = await gradeMistake(level, mistake, graders).catch((error: unknown) => String(error));
      // At once, for somebody may not wait for the table.
      process.stderr.write(isRight(verdict) ? '.' : `\n${mistake.name} is wrong: ${differenceOf(verdict)}\n`);
      return { name: mistake.name, verdict, skipped: false };
    }),
  );
  process.stderr.write('\n');

  const table = new Table({
    head: ['program', 'must fail', 'failed', 'misconception', 'line', 'verdict'],
    style: { head: [] },
  });
  let wrong = 0;
  for (const { name, verdict, skipped } of rows) {
    if (skipped) {
      table.push([name, { colSpan: 4, content: verdict as string }, chalk.dim('skipped')]);
      continue;
    }
    const right = isRight(verdict);
    if (!right) wrong += 1;
    const mark = right ? chalk.green('right') : chalk.red('WRONG');
    if (typeof verdict === 'string') {
      table.push([name, { colSpan: 4, content: verdict }, mark]);
      continue;
    }
    const { expected, found } = verdict;
    const differing = (part: (of: Verdict) => unknown): string =>
      isDeepStrictEqual(part(expected), part(found)) ? String(part(found)) : `${part(found)}, not ${part(expected)}`;
    table.push([
      name,
      expected.fails.join(' '),
      found.fails.join(' ') || 'none',
      differing(({ misconception }) => misconception),
      differing(({ line }) => line),
      mark,
    ]);
  }
  const skipped = rows.filter((row) => row.skipped).length;
  process.stdout.write(
    `${table.toString()}\n${rows.length - wrong - skipped} passed, ${wrong} failed` +
      (skipped === 0 ? '\n' : `, ${skipped} skipped\n`),
  );
  return wrong === 0 ? 0 : 1;
}

/** What is wrong with a verdict; where one was found, what the first failing check said, too. */
function differenceOf(verdict: string | Awaited<ReturnType<typeof gradeMistake>>): string {
  if (typeof verdict === 'string') return verdict;
  const { expected, found, result } = verdict;
  const first = result.checks.find(({ status }) => status === 'failed');
  return `expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}\n${JSON.stringify(first, null, 2)}`;
}

function isRight(verdict: string | { expected: Verdict; found: Verdict }): boolean {
  return typeof verdict === 'object' && isDeepStrictEqual(verdict.expected, verdict.found);
}

await command(help, main);
