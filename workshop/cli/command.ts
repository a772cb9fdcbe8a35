// What all commands share: their help, wrong words, root, and how they end.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { allLevels, findLevel, type Level, levelFile, solutionFile } from '../levels.ts';
import { ProgressUnusable } from '../progress.ts';

/** How commands end. 3 and 4 are no verdict: they never touch progress. */
export const exitStatus = { passed: 0, failed: 1, usage: 2, notReady: 3, fault: 4, interrupted: 130 } as const;

/** Wrong words on the command line: one sentence, and status 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** This machine lacks something: one sentence that says what to do, and status 3. */
export class NotReady extends Error {
  override name = 'NotReady';
}

/**
 * Runs a command and sets the exit status.
 *
 * @param help what --help prints
 * @param main does the work and returns the exit status
 * @param ends words from which on the words are not this command's: --help after one of them is meant for another
 */
export async function command(
  help: string,
  main: (argv: string[]) => Promise<number>,
  ends: readonly string[] = ['--'],
): Promise<void> {
  const argv = process.argv.slice(2);
  process.stdout.on('error', ignoreClosedPipe);
  try {
    if (asksForHelp(argv, ends)) {
      process.stdout.write(help);
      return;
    }
    process.exitCode = await main(argv);
  } catch (error) {
    process.exitCode = complain(error, help);
  }
}

/** Whoever reads the output may have read enough (`| head`): the rest of it is for nobody, and the work is done anyway. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** Parses options strictly. @throws UsageError naming the word that is not understood */
export function options<const Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node's own text goes on to explain the option syntax.
    const [sentence] = (error as Error).message.split(/\. |, but/);
    throw new UsageError(sentence!.replace(/^./, (letter) => letter.toLowerCase()));
  }
}

/** The number that an option was given, or undefined where it was not. @throws UsageError */
export function wholeNumber(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new UsageError(`${option} takes a number from 1 on, not "${value}"`);
  return Number(value);
}

/** @throws UsageError where it is no address of a Redis */
export function needRedisAddress(address: string): void {
  if (URL.canParse(address) && /^rediss?:$/.test(new URL(address).protocol) && new URL(address).host !== '') return;
  throw new UsageError(`--queue takes an address such as redis://machine:6379, not "${address}"`);
}

/** The level of that name, of these. @throws UsageError listing what there is */
export function levelNamed(asked: string, levels = allLevels()): Level {
  const level = findLevel(asked, levels);
  if (level !== null) return level;
  const names = levels.map(({ name }) => name);
  throw new UsageError(`there is no level "${asked}"; there are ${names.join(', ')}`);
}

/**
 * The box.ts that is meant by the options before the program's own words: `--solution`, `--file PATH`, or none for the
 * student's. Takes them off `words`.
 *
 * @throws UsageError where there is no such file
 */
export function takeBoxFile(level: Level, words: string[]): string {
  if (words[0] === '--solution') {
    words.shift();
    return solutionFile(level);
  }
  if (words[0] !== '--file') return levelFile(level, 'box.ts');
  const [, named = ''] = words.splice(0, 2);
  return boxFile(named);
}

/** A box.ts from anywhere. @throws UsageError where there is no such file */
export function boxFile(named: string): string {
  if (named === '') throw new UsageError('--file needs a path');
  const found = statSync(named, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`there is no file ${named}`);
  if (!found.isFile()) throw new UsageError(`${named} is a folder: --file takes a box.ts`);
  return path.resolve(named);
}

/**
 * Starts the same command again with sudo, where this is not root, and does not return then.
 *
 * @throws NotReady without sudo
 */
export function becomeRoot(): void {
  if (process.platform !== 'linux') {
    throw new NotReady(
      `containers are made by a Linux kernel, and this is ${process.platform}: start the virtual machine with "vagrant up"`,
    );
  }
  if (process.getuid?.() === 0) return;
  if (!findProgram('sudo')) {
    throw new NotReady(
      'this needs root, and there is no sudo here: run it as root, or in the virtual machine (vagrant up)',
    );
  }
  process.stderr.write('This makes containers, which needs root: using sudo.\n');
  const kept = [
    'BOXWRIGHT_HOME',
    'BOXWRIGHT_PROGRESS',
    'BOXWRIGHT_TIME_LIMIT',
    'NO_COLOR',
    'FORCE_COLOR',
    'TERM',
    'PATH',
    'COLUMNS',
    'CI',
  ];
  const variables = kept.flatMap((name) => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`]));
  // Ctrl-C is for the command that sudo starts: we wait until it has cleaned up.
  process.on('SIGINT', () => {});
  const { status, signal } = spawnSync(
    'sudo',
    ['--', 'env', ...variables, process.execPath, ...process.argv.slice(1)],
    {
      stdio: 'inherit',
    },
  );
  process.exit(signal === null ? (status ?? exitStatus.notReady) : exitStatus.interrupted);
}

/** Has the image busybox ready, building it where it is missing. @throws NotReady where it cannot be built */
export async function needBusybox(yes: boolean): Promise<void> {
  // Only here: most commands need no image.
  const { ensureImage } = await import('../images/ensure.ts');
  let ready: boolean;
  try {
    ready = await ensureImage('busybox', { yes });
  } catch (error) {
    throw notReady(error);
  }
  if (!ready) throw new NotReady('the image busybox is not built: run "npm run setup"');
}

/** How a command ends where an error says that this machine is not ready. */
export function notReady(error: unknown): NotReady {
  return new NotReady((error as Error).message, { cause: error });
}

/** Signals that ask a command to end, by number: its status is then 128 and that. See signal(7). */
const endingSignals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Makes those signals end this command, after `cleanUp`: with nothing left, and without a verdict. */
export function endOnSignals(cleanUp: () => Promise<void>): void {
  let ending = false;
  const end = async (status: number): Promise<void> => {
    // Once is enough: whoever is impatient must not stop the cleaning.
    if (ending) return;
    ending = true;
    process.stderr.write('\nInterrupted.\n');
    await cleanUp();
    process.exit(status);
  };
  for (const [name, number] of Object.entries(endingSignals)) process.on(name, () => void end(128 + number));
}

function asksForHelp(argv: string[], ends: readonly string[]): boolean {
  const length = argv.findIndex((word) => ends.includes(word));
  return argv.slice(0, length === -1 ? undefined : length).some((word) => word === '--help' || word === '-h');
}

/** Says what was wrong in one sentence; what nobody foresaw keeps its stack, for it is a fault of ours. */
function complain(error: unknown, help: string): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n${help.split('\n')[0]}\n`);
    return exitStatus.usage;
  }
  if (error instanceof NotReady || error instanceof ProgressUnusable) {
    process.stderr.write(`Not ready: ${error.message}\n`);
    return exitStatus.notReady;
  }
  process.stderr.write(
    `The workshop itself broke; this says nothing about your program.\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitStatus.fault;
}

/** Whether there is a program of that name in PATH. */
export function findProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(path.join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
