// npm run reset [level]: back to the level's skeleton. What was there is saved first.
import fs from 'node:fs';
import path from 'node:path';
import { levelFile, skeletonFile } from '../levels.ts';
import { workshopRoot } from '../paths.ts';
import { currentLevel } from '../progress.ts';
import { command, exitStatus, levelNamed, options, UsageError } from './command.ts';

const help = `Usage: npm run reset [level]

Makes the level's box.ts what it was at the beginning. What you had is saved
beside it, and the command that brings it back is printed.
`;

async function main(argv: string[]): Promise<number> {
  const { positionals } = options({ args: argv, allowPositionals: true, options: {} });
  if (positionals.length > 1) throw new UsageError('reset takes one level');
  const level = positionals[0] === undefined ? currentLevel() : levelNamed(positionals[0]);
  const file = levelFile(level, 'box.ts');
  const shown = path.relative(workshopRoot, file);
  const skeleton = fs.readFileSync(skeletonFile(level));
  const before = fs.existsSync(file) ? fs.readFileSync(file) : null;
  if (before?.equals(skeleton)) {
    process.stdout.write(`${shown} is the skeleton already: nothing to do.\n`);
    return exitStatus.passed;
  }
  const owner = fs.statSync(path.dirname(file));
  if (before !== null) {
    const saved = `${file}.saved-${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}`;
    // COPYFILE_EXCL: nothing that was saved before is overwritten.
    fs.copyFileSync(file, saved, fs.constants.COPYFILE_EXCL);
    if (process.getuid?.() === 0) fs.chownSync(saved, owner.uid, owner.gid);
    const back = `cp ${quote(path.relative(process.cwd(), saved))} ${quote(path.relative(process.cwd(), file))}`;
    process.stdout.write(`What you had is saved. To get it back: ${back}\n`);
  }
  const temporary = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, skeleton);
    if (process.getuid?.() === 0) fs.chownSync(temporary, owner.uid, owner.gid);
    fs.renameSync(temporary, file);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  process.stdout.write(`${shown} is the skeleton again.\n`);
  return exitStatus.passed;
}

/** A word as a shell takes it for one. */
function quote(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

await command(help, main);
