// Every command in a lesson is run, and prints what the lesson shows: with the reference solution in the student's place.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { allLevels, findLevel, levelFile, solutionFile } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { readMistake, writeProgram } from '../grading/mistakes.ts';
import { commandsOf, type LessonCommand, matches } from './commands.ts';

describe.for(allLevels())('the lesson of $name', (level) => {
  const commands = commandsOf(fs.readFileSync(levelFile(level, 'README.md'), 'utf8'));

  test.for(commands)('line $line: $command', async (command) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-lesson-'));
    try {
      const { all, exitCode } = await execa({
        shell: true,
        all: true,
        cwd: workshopRoot,
        reject: false,
        stdin: 'ignore',
      })`${inPlaceOfStudent(command, directory)}`;
      if (command.output === null) expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
      else if (!matches(command.output, all)) expect(all.split('\n')).toEqual(command.output);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});

/** The command with other box.ts named in it than the student's, which may be anything: the named levels' solutions. */
function inPlaceOfStudent({ command, mistake }: LessonCommand, directory: string): string {
  const wrong = mistake === null ? null : writeProgram(readMistake(mistake), directory);
  const fileFor = (level: string): string => wrong ?? solutionFile(findLevel(level)!);
  return command
    .replace(
      /(npm run (?:-\S+ )*box -- (level-\d\d) )(?!--)/g,
      (_all, head: string, level: string) => `${head}--file ${fileFor(level)} `,
    )
    .replace(
      /(npm run (?:-\S+ )*check (level-\d\d))(?! --)/g,
      (_all, head: string, level: string) => `${head} -- --file ${fileFor(level)}`,
    )
    .replace(/(npm run (?:-\S+ )*(?:hint|progress)\b)/g, 'BOXWRIGHT_PROGRESS=/dev/null $1');
}
