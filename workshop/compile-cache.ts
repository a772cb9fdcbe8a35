// Node's cache of compiled modules, for the workshop's own commands. (What a box.ts loads has another one, which is
// filled and read apart: workshop/grading/compile-cache.ts.)
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { dataDirectory } from './paths.ts';

/**
 * Makes this process and those it starts keep what they compile, so that the next command finds it: a check is a third
 * faster. Node itself throws out what has changed since. Where the folder cannot be written, nothing happens.
 */
export function rememberCompiled(): void {
  const directory = path.join(dataDirectory(), 'cache', 'commands');
  enableCompileCache(directory);
  process.env['NODE_COMPILE_CACHE'] = directory;
}
