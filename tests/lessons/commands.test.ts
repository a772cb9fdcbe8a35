// Every command in a lesson is run, and prints what the lesson shows: with the reference solution in the student's place.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import {
  bonusLevels,
  findLevel,
  type Level,
  levelFile,
  numberedLevels,
  solutionFile,
  spoken,
} from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { writeProgram } from '../grading/grader-pool.ts';
import { readMistake } from '../grading/mistakes.ts';
import { ofThisTurn } from '../turns.ts';
import { commandsOf, type LessonCommand, matches } from './commands.ts';

describe.for([...numberedLevels(), ...ofThisTurn(bonusLevels())])('the lesson of $name', (level) => {
  const commands = commandsOf(fs.readFileSync(levelFile(level, 'README.md'), 'utf8')).filter(
    // That the solution passes is a test of its own, in graders.test.ts.
    ({ command }) => command !== `npm run check ${spoken(level)}`,
  );

  test.for(commands)('line $line: $command', async (command) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-lesson-'));
    try {
      // One stream for both, as at a terminal: two would come in either order.
      const { stdout, exitCode } = await execa({
        shell: true,
        cwd: workshopRoot,
        reject: false,
        stdin: 'ignore',
      })`${`exec 2>&1\n${inPlaceOfStudent(command, level, directory)}`}`;
      // 2 to 4 and 125 to 127: the workshop or the runtime did not understand it.
      if (command.inline) expect([2, 3, 4, 125, 126, 127], stdout).not.toContain(exitCode);
      else if (command.output === null) expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
      else if (!matches(command.output, stdout)) expect(stdout.split('\n')).toEqual(command.output);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});

/** The command with other box.ts named in it than the student's, which may be anything: the named levels' solutions. */
function inPlaceOfStudent({ command, mistake, added }: LessonCommand, own: Level, directory: string): string {
  let wrong: string | null = null;
  if (mistake !== null) wrong = writeProgram(readMistake(mistake), directory);
  if (added !== null) {
    const lines = fs.readFileSync(solutionFile(own), 'utf8').split('\n');
    const index = lines.findIndex((line) => line.includes(added.before));
    wrong = path.join(directory, 'box.ts');
    fs.writeFileSync(wrong, lines.toSpliced(index, 0, added.code).join('\n'));
  }
  const fileFor = (level: string): string => wrong ?? solutionFile(findLevel(level)!);
  return command
    .replace(
      /(npm run (?:-\S+ )*box -- (level-\d\d|bonus-[a-z]+) )(?!--)/g,
      (_all, head: string, level: string) => `${head}--file ${fileFor(level)} `,
    )
    .replace(
      /(npm run (?:-\S+ )*check (level-\d\d|bonus-[a-z]+))(?! --)/g,
      (_all, head: string, level: string) => `${head} -- --file ${fileFor(level)}`,
    )
    .replace(/(npm run (?:-\S+ )*(?:hint|progress)\b)/g, 'BOXWRIGHT_PROGRESS=/dev/null $1');
}
