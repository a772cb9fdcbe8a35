// A folder that was handed in.
import fs from 'node:fs';
import path from 'node:path';
import { type Basket, intakeLimits, tooLarge } from './basket.ts';
import { Unusable } from './submission.ts';

/** Takes what is wanted out of a folder. Links are not followed. @throws Unusable */
export function takeFromFolder(folder: string, basket: Basket): void {
  const look = (inside: string, depth: number): void => {
    if (depth > intakeLimits.depth) throw new Unusable(`it has more than ${intakeLimits.depth} folders in each other`);
    // One by one: a folder may have millions of names.
    using directory = fs.opendirSync(path.join(folder, inside));
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const name = path.join(inside, entry.name);
      const wanted = basket.wants(name);
      if (entry.isDirectory() && !['node_modules', '.git'].includes(entry.name)) look(name, depth + 1);
      else if (wanted && entry.isFile()) basket.put(name, read(path.join(folder, name)));
      else if (wanted) basket.put(name, 'its box.ts is no plain file');
    }
  };
  look('', 0);
}

/** The bytes of a file, or why there are none. */
function read(file: string): Uint8Array | string {
  // It may be another thing by now: what was opened is looked at, and a pipe is not waited for.
  const descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) return 'its box.ts is no plain file';
    return stat.size > intakeLimits.box ? tooLarge : fs.readFileSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
