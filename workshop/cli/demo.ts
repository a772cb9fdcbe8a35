// npm run demo [level]: the reference, step by step, with the machine before and after each step.
import { codeOf, newLines } from '../demo/code.ts';
import { type Scene, sceneMaker } from '../demo/scene.ts';
import { openStage, type Stage } from '../demo/stage.ts';
import { moments } from '../demo/steps.ts';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { explaining, openSession, shown } from '../grading/session.ts';
import { openTestbed } from '../grading/testbed.ts';
import { fileOf } from '../grading/run-grader.ts';
import type { Target } from '../grading/result.ts';
import { type Level, spoken } from '../levels.ts';
import { currentLevel, readProgress } from '../progress.ts';
import { becomeRoot, boxFile, command, exitStatus, levelNamed, options, UsageError, notReady } from './command.ts';

const help = `Usage: npm run demo [level] [-- options]

Runs the reference solution step by step, on a disposable host: the line that
is about to run, what it means, and the machine before and after it, as the
host sees it and as the container does. Then the grader checks what was shown.
Without a level: the first one that has not passed yet.

  --mine           your own box.ts in place of the reference
  --file PATH      a box.ts from anywhere
  --pause          wait for a key at each step; so it is on a terminal anyway
  --auto SECONDS   go on by itself after so many seconds

Keys: space goes on, b goes back to show the step before again, n goes on to
what is new in this level, q ends. A screen of 100 columns and 30 rows shows
everything in its place; a smaller one, or a pipe, gets one step after another.

Exit status: 0 ended well or with q, 1 a check failed, 2 wrong usage, 3 this
machine is not ready, 4 the workshop itself broke, 130 interrupted.
`;

type Asked = { level: Level; target: Target; file: string; seconds: number | null; pause: boolean };

async function main(argv: string[]): Promise<number> {
  const { level, target, file, seconds, pause } = parse(argv);
  if (target === 'student') readProgress();
  becomeRoot();
  const isTerminal = process.stdout.isTTY === true;
  const hasKeys = isTerminal && process.stdin.isTTY === true;
  if (pause && !hasKeys) throw new UsageError('--pause waits for keys, and there is no terminal');
  // First: it is what ends this command on Ctrl-C, and its handlers are called in the order of their coming.
  using stage = openStage({ isWatched: isTerminal && (hasKeys || seconds !== null), hasKeys, seconds });
  await using session = await openSession({ yes: false });
  await fillCompileCache(file);
  const wasWhole = await play(stage, level, file, target);
  stage.close();
  if (!wasWhole) return exitStatus.passed;
  const whose = { student: 'your box.ts', solution: 'the reference', file }[target];
  process.stdout.write(`\nWhat the grader says of ${whose}, ${spoken(level)}:\n\n`);
  const result = await session.grade({ level, target, ...(target === 'file' && { file }) });
  process.stdout.write(await shown(level, result, false));
  return result.passed ? exitStatus.passed : exitStatus.failed;
}

function parse(argv: string[]): Asked {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: {
      mine: { type: 'boolean' },
      file: { type: 'string' },
      pause: { type: 'boolean' },
      auto: { type: 'string' },
    },
  });
  if (positionals.length > 1) throw new UsageError('demo takes one level');
  if (values.pause && values.auto !== undefined) {
    throw new UsageError('--pause and --auto exclude each other: who goes on, you or the clock?');
  }
  if (values.mine && values.file !== undefined) {
    throw new UsageError('--mine and --file exclude each other: which box.ts is meant?');
  }
  const named = values.file === undefined ? undefined : boxFile(values.file);
  const target: Target = values.mine ? 'student' : named === undefined ? 'solution' : 'file';
  const level = positionals[0] === undefined ? currentLevel() : levelNamed(positionals[0]);
  return {
    level,
    target,
    file: named ?? fileOf(level, target),
    seconds: values.auto === undefined ? null : secondsOf(values.auto),
    pause: values.pause === true,
  };
}

function secondsOf(typed: string): number {
  const seconds = Number(typed);
  if (!/^\d+(\.\d+)?$/.test(typed) || seconds <= 0 || seconds > 3600) {
    throw new UsageError(`--auto takes a number of seconds, up to 3600: not "${typed}"`);
  }
  return seconds;
}

/** Shows everything; false where somebody has seen enough. */
async function play(stage: Stage, level: Level, file: string, target: Target): Promise<boolean> {
  await using testbed = await openTestbed([file]).catch((error: unknown) => {
    throw notReady(error);
  });
  const fresh = target === 'solution' ? newLines(level) : new Set<number>();
  const code = codeOf(file);
  const scene = sceneMaker(level, file, fresh);
  const coming = moments(testbed, file, level);
  const seen: Scene[] = [];
  let at = -1;
  let skipping = false;
  for (;;) {
    if (at < seen.length - 1) {
      at += 1;
    } else {
      const next = await coming.next();
      if (next.done) return true;
      seen.push(scene(next.value));
      at = seen.length - 1;
    }
    const now = seen[at]!;
    if (skipping && now.number !== null && !now.isNew && now.kind !== 'runs') continue;
    skipping = false;
    let wish = await stage.show(now, code, at === 0);
    while (wish === 'back') {
      at = Math.max(0, at - 1);
      wish = await stage.show(seen[at]!, code, at === 0);
    }
    if (wish === 'quit') return false;
    skipping = wish === 'new';
  }
}

await command(help, explaining(main));
