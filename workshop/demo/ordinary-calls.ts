// Loaded into a box.ts that is shown: makes steps of those functions of Node that change what the picture shows.
// chdir is a system call like the others, a cgroup is made and set by means of files, and so are the tables of a user
// namespace; interfaces are made by programs that box.ts starts.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { stepping, stop } from '../../linux/step.ts';
import { record } from '../../linux/trace.ts';

/** Where cgroups are; read before box.ts mounts anything. See cgroups(7). */
const hierarchies = fs
  .readFileSync('/proc/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
  .map(([, mountPoint]) => `${mountPoint}/`);

function isCgroup(file: unknown): boolean {
  return typeof file === 'string' && hierarchies.some((top) => path.resolve(file).startsWith(top));
}

/** Other files by which the kernel is told something: who is who in a user namespace, and whether packets go on. */
const settings = /^\/proc\/(?:\w+\/(?:uid_map|gid_map|setgroups)|sys\/net\/ipv4\/ip_forward)$/;

function isSetting(file: unknown): boolean {
  return isCgroup(file) || (typeof file === 'string' && settings.test(path.resolve(file)));
}

/** Whether a program changes something: `ip -json` only asks. */
function isAction(_file: string, words?: unknown): boolean {
  return !(Array.isArray(words) && words.includes('-json'));
}

/** An argument as people see it: of the options of a program, what is written to it. */
function shownArgument(value: unknown): string[] {
  if (Array.isArray(value)) return [`[${value.map((one) => JSON.stringify(String(one))).join(', ')}]`];
  if (typeof value !== 'object' || value === null) return [JSON.stringify(String(value))];
  const { input = '' } = value as { input?: unknown };
  return input === '' ? [] : [JSON.stringify(String(input).replaceAll(/\s+/g, ' '))];
}

/** Makes a step of `original` where `when` holds for its arguments; `shown` are those that people see. */
function step<Args extends unknown[], Result>(
  name: string,
  original: (...args: Args) => Result,
  when: (...args: Args) => boolean,
  shown: number,
): (...args: Args) => Result {
  return function stepped(...args: Args): Result {
    if (!when(...args)) return original(...args);
    const words = args.slice(0, shown).flatMap(shownArgument);
    stop('before', name, words, stepped);
    let failure = 0;
    try {
      return original(...args);
    } catch (error) {
      failure = -((error as NodeJS.ErrnoException).errno ?? 0);
      throw error;
    } finally {
      record(name, words, { phase: 'done', result: 0, errno: failure }, stepped);
      stop('after', name, words, stepped);
    }
  };
}

type Starter = (file: string, words?: readonly string[], options?: object) => unknown;

if (stepping) {
  process.chdir = step('chdir', process.chdir, () => true, 1);
  Object.assign(fs, {
    writeFileSync: step('writeFileSync', fs.writeFileSync, isSetting, 2),
    appendFileSync: step('appendFileSync', fs.appendFileSync, isSetting, 2),
    // Where it is there already, nothing happens.
    mkdirSync: step('mkdirSync', fs.mkdirSync, (file) => isCgroup(file) && !fs.existsSync(file), 1),
    rmdirSync: step('rmdirSync', fs.rmdirSync, isCgroup, 1),
  });
  childProcess.execFileSync = step('execFileSync', childProcess.execFileSync as Starter, isAction, 3) as never;
  syncBuiltinESMExports();
}
