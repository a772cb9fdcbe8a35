// npm run grade -- FOLDER: grades what a whole course handed in.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeAtomically } from '../class/atomic-file.ts';
import { counted } from '../class/counted.ts';
import { openEmbeddedQueue } from '../class/embedded-queue.ts';
import { graderVersion } from '../class/grader-version.ts';
import { takeIn } from '../class/intake.ts';
import { hasFault, type Journal, openJournal, readRunTerms, type RunTerms } from '../class/journal.ts';
import { openWorkers } from '../class/open-workers.ts';
import { writeOutputs } from '../class/outputs.ts';
import { openProgressBar } from '../class/progress-bar.ts';
import type { GradingQueue } from '../class/queue.ts';
import { entriesOf } from '../class/submission.ts';
import type { Outcome } from '../class/verdict.ts';
import { usualLimits } from '../class/worker.ts';
import { findLevel, type Level, numberedLevels } from '../levels.ts';
import { dataDirectory, workshopRoot } from '../paths.ts';
import {
  becomeRoot,
  command,
  endOnSignals,
  exitStatus,
  levelNamed,
  needRedisAddress,
  options,
  UsageError,
  wholeNumber,
} from './command.ts';

const help = `Usage: npm run grade -- FOLDER [options]

Grades what a course handed in: a folder with one entry for each student, which
is a folder, a tar, a zip or a git bundle with levels/NN-name/box.ts in it.
Bonus levels are not graded for a class.

Each is graded in a virtual machine, put back to its beginning between students.

  --here             on this machine itself, in testbeds: for submissions that
                     you trust not to attack it. They run as root on its kernel
  --queue URL        on other machines: redis://…, from which
                     "npm run grade:worker" takes the work
  --out FOLDER       where the results go (grades)
  --resume           goes on with the run in that folder after it was ended
  --level LEVEL      only this one, and everybody has to have it; may be
                     repeated. Without it: whatever was handed in
  --jobs N           submissions graded at a time (one for each processor)
  --check-seconds N  each run of a program may idle that long (10)
  --level-seconds N  each level may take that long (600)
  --student-seconds N  all levels of a student (3600)
  --classroom NAME   and --assignment NAME: for the results of Classroom 50
  --yes              build a missing image without asking

Results: results.jsonl, results.csv, report.html, and for each student
feedback.txt, junit.xml and the forms of Gradescope, Classroom 50 and Exercism.

Exit status: 0 everybody has a verdict, 2 wrong usage, 3 this machine is not
ready, 4 somebody could not be graded: --resume tries again, 130 interrupted.
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: {
      here: { type: 'boolean' },
      queue: { type: 'string' },
      out: { type: 'string' },
      resume: { type: 'boolean' },
      level: { type: 'string', multiple: true },
      jobs: { type: 'string' },
      'check-seconds': { type: 'string' },
      'level-seconds': { type: 'string' },
      'student-seconds': { type: 'string' },
      classroom: { type: 'string' },
      assignment: { type: 'string' },
      yes: { type: 'boolean' },
    },
  });
  if (positionals.length !== 1) throw new UsageError('grade takes one folder');
  if (values.here && values.queue !== undefined) {
    throw new UsageError('--here and --queue exclude each other: the workers of a queue say where they grade');
  }
  if (values.queue !== undefined) needRedisAddress(values.queue);
  const jobs = wholeNumber('--jobs', values.jobs) ?? os.availableParallelism();
  const limits = {
    check: wholeNumber('--check-seconds', values['check-seconds']) ?? usualLimits.check,
    level: wholeNumber('--level-seconds', values['level-seconds']) ?? usualLimits.level,
    student: wholeNumber('--student-seconds', values['student-seconds']) ?? usualLimits.student,
  };
  const asked = values.level?.map((word) => classLevelNamed(word).name) ?? null;
  const folder = submissionsFolder(positionals[0]!);
  const out = path.resolve(values.out ?? 'grades');
  needApart(folder, out);
  const earlier = readRunTerms(out);
  if (values.resume) needSameRun(earlier, out, folder, values);
  else if (earlier !== null) {
    throw new UsageError(`there is a run in ${out}: go on with --resume, or name another folder with --out`);
  }
  becomeRoot();
  await using workers =
    values.queue === undefined
      ? await openWorkers(jobs, { here: values.here === true, yes: values.yes === true })
      : null;
  fs.mkdirSync(out, { recursive: true });
  using _lock = takeLock(path.join(out, 'lock'));
  const terms: RunTerms = earlier ?? {
    schema: 'boxwright/grade-run/v1',
    run: randomBytes(8).toString('hex'),
    folder,
    limits,
    hidden: [folder, fs.realpathSync(out)],
    graderVersion: graderVersion(),
    asked,
    salt: randomBytes(16).toString('hex'),
  };
  writeAtomically(path.join(out, 'run.json'), `${JSON.stringify(terms, null, 2)}\n`);
  using journal = openJournal(out, { faultsAgain: true });
  const classroom = { classroom: values.classroom ?? 'classroom', assignment: values.assignment ?? 'boxwright' };
  const write = (): void => writeOutputs(out, journal, classroom, { name: path.basename(folder), asked: terms.asked });

  const entries = entriesOf(folder);
  const left = entries.filter(({ student }) => !journal.has(student));
  const levels = terms.asked === null ? null : numberedLevels().filter(({ name }) => terms.asked!.includes(name));
  let keep: (outcome: Outcome) => void = () => {};
  await using queue = await openQueue((outcome) => keep(outcome));
  const breakOff = async (): Promise<void> => {
    await queue[Symbol.asyncDispose]();
    await workers?.[Symbol.asyncDispose]();
    write();
    process.stderr.write(
      `${journal.size} of ${counted(entries.length, 'student')} ${journal.size === 1 ? 'is' : 'are'} graded; go on with --resume\n`,
    );
  };
  endOnSignals(breakOff);
  // What is thrown where nobody waits for it ends the run like any other error.
  const { promise: broken, reject: breaks } = Promise.withResolvers<never>();
  broken.catch(() => {});
  process.on('uncaughtException', breaks);
  try {
    await Promise.race([broken, gradeAll()]);
  } catch (error) {
    await breakOff().catch((second: Error) =>
      process.stderr.write(`What is known is not written: ${second.message}\n`),
    );
    throw error;
  }
  write();
  return summary(journal, out);

  async function gradeAll(): Promise<void> {
    using bar = openProgressBar(entries.length, entries.length - left.length, () => queue.state());
    keep = (outcome) => {
      if (journal.add(outcome)) bar.done();
    };
    for (const entry of left) await queue.put(await takeIn(entry, levels));
    await queue.drained();
  }

  async function openQueue(give: (outcome: Outcome) => void): Promise<GradingQueue> {
    if (workers !== null) return openEmbeddedQueue(workers.list, terms, give);
    const { openRedisQueue } = await import('../class/redis-queue.ts');
    return await openRedisQueue(values.queue!, terms.run, terms, give);
  }
}

/** The numbered level of that name. @throws UsageError where it is none */
function classLevelNamed(word: string): Level {
  if (findLevel(word)?.bonus) {
    const [first, last] = [numberedLevels()[0]!, numberedLevels().at(-1)!];
    throw new UsageError(`bonus levels are not graded for a class: --level takes ${first.name} to ${last.name}`);
  }
  return levelNamed(word, numberedLevels());
}

function summary(journal: Journal, out: string): number {
  const counts = new Map<string, number>();
  let [faults, unusable] = [0, 0];
  for (const outcome of journal.outcomes()) {
    if (hasFault(outcome)) faults += 1;
    for (const { level, status } of outcome.verdicts) {
      if (level === null) unusable += 1;
      else counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  }
  const words = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  const entries = unusable === 0 ? '' : `; ${counted(unusable, 'entry', 'entries')} unusable`;
  process.stdout.write(
    `${counted(journal.size, 'student')}; levels: ${words || 'none'}${entries}\n${path.join(out, 'report.html')}\n`,
  );
  if (faults === 0) return exitStatus.passed;
  process.stderr.write(
    `${counted(faults, 'student')} could not be graded, which is no result of theirs: try again with --resume\n`,
  );
  return exitStatus.fault;
}

/** The folder with its links resolved. @throws UsageError where it is none, or one that a testbed needs to be seen */
function submissionsFolder(named: string): string {
  const stat = fs.statSync(named, { throwIfNoEntry: false });
  if (stat === undefined) throw new UsageError(`there is no folder ${named}`);
  if (!stat.isDirectory()) throw new UsageError(`${named} is a file: grade takes the folder with what was handed in`);
  const folder = fs.realpathSync(named);
  for (const needed of [workshopRoot, dataDirectory(), process.execPath, '/usr', '/etc']) {
    if (isBelow(needed, folder))
      throw new UsageError(`${folder} holds ${needed}: name a folder with nothing but what was handed in`);
  }
  if (/[\n:,\\]/.test(folder)) throw new UsageError('the folder has a character in its path that a mount cannot have');
  return folder;
}

function needApart(folder: string, out: string): void {
  if (isBelow(out, folder) || isBelow(folder, out)) {
    throw new UsageError(`the results cannot go to ${out}: it and the folder of what was handed in hold one another`);
  }
  if (isBelow(workshopRoot, out)) throw new UsageError(`the results cannot go to ${out}: it holds the workshop`);
  if (/[\n:,\\]/.test(out)) throw new UsageError('--out has a character in its path that a mount cannot have');
}

/** @throws UsageError where what is in the results' folder is not this run, as it was begun */
function needSameRun(earlier: RunTerms | null, out: string, folder: string, values: Record<string, unknown>): void {
  if (earlier === null) throw new UsageError(`there is no run in ${out} to go on with`);
  if (earlier.folder !== folder) throw new UsageError(`the run in ${out} is of ${earlier.folder}`);
  const fixed = ['level', 'check-seconds', 'level-seconds', 'student-seconds'].find(
    (name) => values[name] !== undefined,
  );
  if (fixed !== undefined) throw new UsageError(`--resume goes on as the run began, and does not take --${fixed}`);
  const now = graderVersion();
  if (earlier.graderVersion !== now) {
    throw new UsageError(
      `the run was begun with graders ${earlier.graderVersion}, and these are ${now}: begin a new one`,
    );
  }
}

function isBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Keeps a second run out of the same folder. @throws UsageError where one is at work there */
function takeLock(file: string): Disposable {
  for (;;) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      return { [Symbol.dispose]: () => fs.rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = fs.readFileSync(file, 'utf8');
    const words = fs.existsSync(`/proc/${holder}/cmdline`) ? fs.readFileSync(`/proc/${holder}/cmdline`, 'utf8') : '';
    if (holder !== '' && words.includes('grade'))
      throw new UsageError(`process ${holder} is at work on ${path.dirname(file)}`);
    fs.rmSync(file, { force: true });
  }
}

await command(help, main);
// After an error, what was begun may go on for long.
process.exit();
