// Fills every filesystem that it can write to, and says which were full in the end.
import fs from 'node:fs';
import path from 'node:path';

const block = Buffer.alloc(1024 * 1024, 1);
const containers = path.join(process.env['BOXWRIGHT_HOME']!, 'containers');
for (const directory of ['/root', '/tmp', containers, '/dev', '/dev/shm', '/run']) {
  try {
    const file = fs.openSync(path.join(directory, 'filler'), 'w');
    for (;;) fs.writeSync(file, block);
  } catch (error) {
    console.log(`${directory}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
