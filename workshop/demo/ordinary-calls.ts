// Loaded into a box.ts that is shown: makes steps of those functions of Node that change what the picture shows.
// chdir is a system call like the others, and a cgroup is made and set by means of files.
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

/** Makes a step of `original` where `when` holds for its arguments; `shown` are those that people see. */
function step<Args extends unknown[], Result>(
  name: string,
  original: (...args: Args) => Result,
  when: (...args: Args) => boolean,
  shown: number,
): (...args: Args) => Result {
  return function stepped(...args: Args): Result {
    if (!when(...args)) return original(...args);
    const words = args.slice(0, shown).map((value) => JSON.stringify(String(value)));
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

if (stepping) {
  process.chdir = step('chdir', process.chdir, () => true, 1);
  Object.assign(fs, {
    writeFileSync: step('writeFileSync', fs.writeFileSync, isCgroup, 2),
    appendFileSync: step('appendFileSync', fs.appendFileSync, isCgroup, 2),
    // Where it is there already, nothing happens.
    mkdirSync: step('mkdirSync', fs.mkdirSync, (file) => isCgroup(file) && !fs.existsSync(file), 1),
    rmdirSync: step('rmdirSync', fs.rmdirSync, isCgroup, 1),
  });
  syncBuiltinESMExports();
}
