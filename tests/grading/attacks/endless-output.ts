// Writes without end.
import fs from 'node:fs';

const words = Buffer.alloc(1024 * 1024, 'all work and no play\n');
for (;;) {
  for (const descriptor of [1, 2, 3]) fs.writeSync(descriptor, words);
}
