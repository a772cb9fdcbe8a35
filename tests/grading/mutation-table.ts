// npm run mutants: every mutant of the reference solutions against its grader, as a table.
import chalk from 'chalk';
import Table from 'cli-table3';
import { createTwoFilesPatch } from 'diff';
import fs from 'node:fs';
import { command, levelNamed, options } from '../../workshop/cli/command.ts';
import { type Level, numberedLevels, solutionFile } from '../../workshop/levels.ts';
import { openGradersOfCommand } from './grader-pool.ts';
import type { Mutant } from './mutants.ts';
import { gradeMutants, type Mutation, type Outcome } from './mutation.ts';

/** Mutants that are graded at a time. */
const CONCURRENT = 2;

const marks: Readonly<Record<Outcome['kind'], string>> = {
  killed: '.',
  survived: 'S',
  equivalent: '=',
  elsewhere: '',
  broken: '',
  fault: 'F',
};

const help = `Usage: npm run mutants [LEVEL …] [-- OPTIONS]

Changes each reference solution in every small way, grades each mutant, and
prints a table, and the differences that no grader has seen. A mutant that may
pass has its reason in tests/grading/mutants/. Without words: all numbered
levels, and of each what is new in it.

  --all         also what the level has from the levels before
  --only WORDS  those whose key contains the words

Exit status: 0 nothing to do, 1 some passed, 2 wrong usage.
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { all: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
  });
  const levels = positionals.length === 0 ? numberedLevels() : positionals.map((word) => levelNamed(word));

  await using graders = await openGradersOfCommand(CONCURRENT);

  const table = new Table({
    head: ['level', 'mutants', 'killed', 'survivors', 'equivalent', 'not run here', 'no such name', 'score'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  let toDo = 0;
  /** What somebody has to look at is said as soon as it is known: a level takes minutes. */
  function say(text: string): void {
    toDo += 1;
    process.stdout.write(`\n${text}\n`);
  }
  for (const level of levels) {
    const progress = (mutant: Mutant, outcome: Outcome): void => {
      process.stderr.write(marks[outcome.kind]);
      if (outcome.kind === 'survived') say(`${chalk.red('survived')} ${mutant.key}\n${difference(level, mutant)}`);
      if (outcome.kind !== 'fault') return;
      say(`${chalk.red('no verdict')} ${mutant.key}\n${outcome.message}\n${difference(level, mutant)}`);
    };
    const mutation = await gradeMutants(level, graders, { ...values, progress });
    for (const key of mutation.stale) {
      say(`${chalk.red('stale')} in mutants/${level.name}.ts, no mutant that passes: ${key}`);
    }
    process.stderr.write('\n');
    table.push(rowOf(level, mutation));
  }
  process.stdout.write(`${table.toString()}\n`);
  return toDo === 0 ? 0 : 1;
}

function rowOf(level: Level, { results }: Mutation): (string | number)[] {
  const count = (kind: Outcome['kind']): number => results.filter(({ outcome }) => outcome.kind === kind).length;
  const [killed, survived] = [count('killed'), count('survived')];
  const score = killed + survived === 0 ? '' : `${Math.floor((100 * killed) / (killed + survived))} %`;
  const rest = [count('equivalent'), count('elsewhere'), count('broken')];
  return [level.name, results.length, killed, survived, ...rest, score];
}

/** The lines that differ, with one around them. */
function difference(level: Level, { program }: Mutant): string {
  const solution = fs.readFileSync(solutionFile(level), 'utf8');
  const patch = createTwoFilesPatch('', '', solution, program, '', '', { context: 1 });
  return patch
    .split('\n')
    .slice(4)
    .filter((line) => line !== '' && !line.startsWith('\\'))
    .map((line) => `  ${line}`)
    .join('\n');
}

await command(help, main);
