// The environment of a box.ts in a testbed.
import { dataDirectory } from '../paths.ts';
import { compileCache } from './compile-cache.ts';
import { programModules } from './program-modules.ts';
import { systemPath } from './testbed.ts';

/**
 * What each has; callers add what is theirs.
 *
 * @param home the folder of whoever starts it
 * @param modules in place of the sources of `#linux` and its like; null for the sources themselves
 */
export function programEnvironment(home = '/root', modules = programModules()): Record<string, string> {
  return {
    PATH: systemPath,
    HOME: home,
    BOXWRIGHT_HOME: dataDirectory(),
    NODE_COMPILE_CACHE: compileCache(),
    ...(modules !== null && { BOXWRIGHT_MODULES: modules }),
  };
}
