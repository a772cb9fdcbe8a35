// The environment of a box.ts in a testbed.
import { dataDirectory } from '../paths.ts';
import { compileCache } from './compile-cache.ts';
import { programModules } from './program-modules.ts';
import { systemPath } from './testbed.ts';

/** What each has; callers add what is theirs. @param home the folder of whoever starts it */
export function programEnvironment(home = '/root'): Record<string, string> {
  const modules = programModules();
  return {
    PATH: systemPath,
    HOME: home,
    BOXWRIGHT_HOME: dataDirectory(),
    NODE_COMPILE_CACHE: compileCache(),
    ...(modules !== null && { BOXWRIGHT_MODULES: modules }),
  };
}
