// Node's cache of compiled modules, which halves the start of a box.ts. Programs in a testbed read it; what they write
// there is thrown away with the testbed, so it is filled out here, with our own modules only.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { dataDirectory } from '../paths.ts';

/** Where it is: the value for NODE_COMPILE_CACHE. */
export function compileCache(): string {
  return path.join(dataDirectory(), 'cache', 'node');
}

/** Fills it, where that has not been done. A cache that cannot be filled only costs time. */
export function fillCompileCache(): void {
  if (fs.existsSync(compileCache())) return;
  const modules = ['../../linux/index.ts', '../command-line.ts', 'tar'].map((name) => import.meta.resolve(name));
  const script = modules.map((url) => `await import(${JSON.stringify(url)});`).join('');
  try {
    execFileSync(process.execPath, [...requiredNodeFlags, '--input-type=module', '-e', script], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache() },
      stdio: 'ignore',
    });
  } catch {
    // Read-only, or full: the check says so itself if it matters.
  }
}
