// @ts-check
// Node's cache of compiled modules, for the workshop's own commands. (What a box.ts loads has another one, which is
// filled and read apart: workshop/grading/compile-cache.ts.) Plain JavaScript: what is loaded before the cache is on
// cannot come from it, and to take the types out of a single file takes longer than Node's own start.
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { dataDirectory } from './data-directory.mjs';

/**
 * Makes this process and those it starts keep what they compile, so that the next command finds it: a check is a third
 * faster. Node itself throws out what has changed since. Where the folder cannot be written, nothing happens.
 */
export function rememberCompiled() {
  const directory = commandsCache();
  enableCompileCache(directory);
  process.env['NODE_COMPILE_CACHE'] = directory;
}

/** Where it is: the value for NODE_COMPILE_CACHE. */
export function commandsCache() {
  return path.join(dataDirectory(), 'cache', 'commands');
}
