// npm run watch [level]: grades your box.ts again at each save.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { emitKeypressEvents, type Key } from 'node:readline';
import { ink } from '../ink.ts';
import { watch } from 'chokidar';
import { explaining, openSession, shown } from '../grading/session.ts';
import { type Level, levelFile, neighbours, spoken } from '../levels.ts';
import { workshopRoot } from '../paths.ts';
import { currentLevel } from '../progress.ts';
import { becomeRoot, command, exitStatus, levelNamed, options, UsageError } from './command.ts';

const help = `Usage: npm run watch [level] [-- options]

Grades your box.ts, and again each time you save it. Without a level: the first
one that has not passed yet. It stays with that level until you say otherwise.

  --plain   words in place of symbols and colours

Keys: enter grades again, h the next hint, d the difference to the solution,
n the next level, q ends.
`;

/** Milliseconds between two looks at the file. Asked, not told: a folder shared with another machine tells nothing. */
const INTERVAL = 150;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { plain: { type: 'boolean' } },
  });
  if (positionals.length > 1) throw new UsageError('watch takes one level');
  let level = positionals[0] === undefined ? currentLevel() : levelNamed(positionals[0]);
  becomeRoot();
  await using session = await openSession({ yes: false });

  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<number>();
  let grading: Promise<void> | null = null;
  let again = false;
  /** Grades now, or once more after the grading that is under way. */
  const grade = async (): Promise<void> => {
    if (grading !== null) {
      again = true;
      return await grading;
    }
    grading = (async () => {
      do {
        again = false;
        const result = await session.grade({ level, target: 'student' });
        // What was saved meanwhile is looked at before anybody reads about what was there before.
        if (!again) process.stdout.write(`\n${await shown(level, result, values.plain === true)}${footer(level)}\n`);
      } while (again);
    })();
    await grading;
    grading = null;
  };

  const watcher = watch([], { usePolling: true, interval: INTERVAL, ignoreInitial: true });
  watcher.on('all', () => void grade().catch(fail));
  const look = async (at: Level): Promise<void> => {
    watcher.unwatch(levelFile(level, 'box.ts'));
    level = at;
    watcher.add(levelFile(level, 'box.ts'));
    process.stdout.write(`\nWatching ${path.relative(workshopRoot, levelFile(level, 'box.ts'))}\n`);
    await grade();
  };

  // Nobody reads on.
  process.stdout.once('error', () => end(exitStatus.passed));
  look(level).catch(fail);
  onKey((key) => {
    if (key === 'q') return end(exitStatus.passed);
    if (key === 'return') return void grade().catch(fail);
    if (key === 'h') return run('hint', [spoken(level)]);
    if (key === 'd') return run('diff', [spoken(level)]);
    if (key !== 'n') return;
    const { next } = neighbours(level);
    if (next === null) process.stdout.write('That is the last level.\n');
    else look(next).catch(fail);
  });
  try {
    return await ended;
  } finally {
    await watcher.close();
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}

/** Calls back with each key that is pressed; without a terminal there are none, and a signal ends the command. */
function onKey(pressed: (key: string | undefined) => void): void {
  if (!process.stdin.isTTY) return;
  emitKeypressEvents(process.stdin);
  process.stdin.setRawMode(true);
  process.stdin.on('keypress', (_text: string, key: Key) => {
    // In raw mode it is no signal any more.
    if (key.ctrl && key.name === 'c') process.kill(process.pid, 'SIGINT');
    else pressed(key.name);
  });
}

/** Another command on this terminal, with the keyboard its own until it ends. */
function run(name: string, words: string[]): void {
  process.stdin.setRawMode(false);
  process.stdout.write('\n');
  spawnSync(process.execPath, [path.join(import.meta.dirname, 'start.mjs'), name, ...words], { stdio: 'inherit' });
  process.stdin.setRawMode(true);
}

function footer(level: Level): string {
  const keys = process.stdin.isTTY ? '  enter again · h hint · d diff · n next · q quit' : '';
  return ink.dim(`${spoken(level)}, ${new Date().toLocaleTimeString()}${keys}`);
}

await command(help, explaining(main));
