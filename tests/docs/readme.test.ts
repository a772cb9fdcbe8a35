// What the README shows is what happens.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { dataDirectory, workshopRoot } from '../../workshop/paths.ts';
import { check } from '../grading/check.ts';
import { writeProgram } from '../grading/grader-pool.ts';
import { readMistake } from '../grading/mistakes.ts';

const readme = fs.readFileSync(path.join(workshopRoot, 'README.md'), 'utf8');

test('the failing check is a real one', async () => {
  const shown = /looks like:\n\n```\n(.*?)```/s.exec(readme)![1]!;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-readme-'));
  try {
    const file = writeProgram(readMistake('01-chroot/no-chdir'), directory);
    const { stdout } = await check('01', '--file', file);
    const asStudents = stdout.replaceAll(file, 'levels/01-chroot/box.ts').replaceAll(directory, 'DIRECTORY');
    expect(constant(asStudents)).toBe(constant(shown.replaceAll('/home/you/boxwright/levels/01-chroot', 'DIRECTORY')));
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});

/** Without what is another each time: names by chance, pids, where lines are folded. */
function constant(report: string): string {
  return report
    .replaceAll(dataDirectory(), '/var/lib/boxwright')
    .replaceAll(/\/box-\w+/g, '/box-ID')
    .replaceAll(/\/proc\/\d+/g, '/proc/PID')
    .replaceAll(/\/[0-9a-f]{8}\/[0-9a-f]{8}\.txt/g, '/WORD/WORD.txt')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
