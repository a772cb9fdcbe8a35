// npm run test:flaky: whether verdicts depend on how busy the machine is.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { command, options, wholeNumber } from '../../workshop/cli/command.ts';
import { numberedLevels, solutionFile } from '../../workshop/levels.ts';
import { type GraderPool, openGradersOfCommand, writeProgram } from './grader-pool.ts';
import { notHere, verdictOn } from './mistakes.ts';
import { type ProgramMeant, programsMeant } from './programs-meant.ts';

/** Programs that are graded at a time, beside as many that do nothing but compute. */
const CONCURRENT = 2;

const help = `Usage: npm run test:flaky [LEVEL | LEVEL/NAME …] [-- --times N]

Grades every solution and every wrong program again and again, while other
programs keep the machine busy. The verdict must be the same each time.
Without words: those of all numbered levels.

  LEVEL/NAME  one wrong program, or LEVEL/solution
  --times N   how often each is graded (50)

Exit status: 0 always the same, 1 some were not, 2 wrong usage.
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { times: { type: 'string' } },
  });
  const times = wholeNumber('--times', values.times) ?? 50;
  const meant = programsMeant(positionals, numberedLevels()).filter(
    ({ mistake }) => mistake === null || notHere(mistake) === null,
  );

  await using graders = await openGradersOfCommand(CONCURRENT);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-flaky-'));
  // Also on Ctrl-C.
  process.once('exit', () => fs.rmSync(directory, { recursive: true, force: true }));
  // setpriv: they end with us, however we end.
  const load = Array.from({ length: CONCURRENT }, () =>
    spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
  try {
    const programs = meant.map((one) => written(one, directory));
    const differing = (await Promise.all(programs.map((program) => differences(program, times, graders)))).filter(
      (text) => text !== null,
    );
    process.stderr.write('\n');
    process.stdout.write(differing.map((text) => `${text}\n`).join(''));
    process.stdout.write(
      `${programs.length} programs, ${times} times each: ${differing.length} with more than one verdict\n`,
    );
    return differing.length === 0 ? 0 : 1;
  } finally {
    for (const spinning of load) spinning.kill('SIGKILL');
  }
}

type Program = ProgramMeant & { name: string; file: string };

/** The program as a file; a wrong one is written below `directory`. */
function written({ level, mistake }: ProgramMeant, directory: string): Program {
  if (mistake === null) return { name: `${level.name}, the solution`, level, mistake, file: solutionFile(level) };
  // Two levels may have programs of the same name.
  const folder = path.join(directory, level.number);
  fs.mkdirSync(folder, { recursive: true });
  return { name: mistake.name, level, file: writeProgram(mistake, folder), mistake };
}

/** The verdicts on a program, where there is more than one: how often each was heard, and what was seen the first time. */
async function differences(
  { name, level, file, mistake }: Program,
  times: number,
  graders: GraderPool,
): Promise<string | null> {
  const heard = new Map<string, { count: number; seen: string }>();
  for (let time = 0; time < times; time += 1) {
    const { verdict, seen } = shown(file, await graders.grade({ level, target: 'file', file }), mistake);
    heard.set(verdict, { seen, ...heard.get(verdict), count: (heard.get(verdict)?.count ?? 0) + 1 });
    process.stderr.write(heard.size > 1 ? '!' : '.');
  }
  if (heard.size === 1) return null;
  const lines = [...heard]
    .sort(([, one], [, other]) => other.count - one.count)
    .map(([verdict, { count, seen }]) => `  ${count} times ${verdict}${seen === '' ? '' : `\n    ${seen}`}`);
  return `${name}\n${lines.join('\n')}`;
}

/** A verdict as words that are the same for the same verdict, and what the kernel said in this run. */
function shown(
  file: string,
  result: GradeResult | { fault: string },
  mistake: ProgramMeant['mistake'],
): { verdict: string; seen: string } {
  if ('fault' in result) return { verdict: 'none: the grader broke', seen: result.fault };
  const { fails, misconception, line } = verdictOn(file, result, mistake ?? undefined);
  if (fails.length === 0) return { verdict: 'passed', seen: '' };
  const first = result.checks.find(({ status }) => status === 'failed')!;
  const verdict = `failed ${fails.join(' ')}, ${misconception ?? 'no misconception'}, line ${line ?? 'unknown'}`;
  return { verdict, seen: `${first.actual}; ${first.evidence?.join('; ')}` };
}

await command(help, main);
