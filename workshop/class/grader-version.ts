// Which graders gave a verdict: two machines with the same version grade alike.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { levelFile, numberedLevels } from '../levels.ts';
import { workshopRoot } from '../paths.ts';

/** The workshop's version, and a digest of all that takes part in a verdict: `0.1.0+8c2f01aa`. */
export function graderVersion(): string {
  const { version } = JSON.parse(fs.readFileSync(path.join(workshopRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const folders = ['linux', 'workshop/grading', 'workshop/grading/misconceptions', 'workshop/images'];
  const files = [
    ...folders.flatMap((folder) => filesOf(path.join(workshopRoot, folder))),
    ...['cgroup.ts', 'command-line.ts'].map((name) => path.join(workshopRoot, 'workshop', name)),
    ...numberedLevels().map((level) => levelFile(level, 'grade.test.ts')),
    path.join(workshopRoot, 'package-lock.json'),
  ];
  const digest = createHash('sha256');
  for (const file of files) digest.update(`${path.relative(workshopRoot, file)}\0`).update(fs.readFileSync(file));
  return `${version}+${digest.digest('hex').slice(0, 8)}`;
}

function filesOf(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => path.join(folder, name))
    .sort();
}
