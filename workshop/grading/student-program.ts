// How a box.ts is started: the node that it needs, and what `#linux` means to it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { workshopRoot } from '../paths.ts';

/** The flags that node is started with for `file`, a box.ts. */
export function nodeFlags(file: string): string[] {
  const inside = path.resolve(file).startsWith(workshopRoot + path.sep);
  // Without a package.json of ours beside it, it is taken for CommonJS first, unless an ES module came before it.
  const asModule = inside ? [] : ['--import', 'data:text/javascript,'];
  return [...requiredNodeFlags, '--require', path.join(import.meta.dirname, 'program-loader.cts'), ...asModule];
}

/** The words that start `file`, a box.ts, with these arguments. */
export function programCommand(file: string, args: readonly string[]): string[] {
  return [process.execPath, ...nodeFlags(file), file, ...args];
}

/** A file named as people should see it: relative to the checkout where it lies in it. */
export function shownFile(file: string): string {
  const plain = file.startsWith('file:') ? fileURLToPath(file) : file;
  return plain.startsWith(workshopRoot + path.sep) ? path.relative(workshopRoot, plain) : plain;
}
