// Writes garbage, and lines that look like a trace, to every descriptor that it can have.
import fs from 'node:fs';
import { randomBytes } from 'node:crypto';

const file = import.meta.filename;
const forged = {
  time: 1,
  pid: 2,
  process: '0',
  call: 'fork',
  args: [],
  phase: 'done',
  result: 3,
  errno: null,
  file,
  line: 1,
};
const lines = [
  JSON.stringify(forged),
  JSON.stringify({ ...forged, args: [1, null, {}], line: 'x', file: 3 }),
  '{"call":"fork","args":[]}',
  'null',
  '[]',
  '{"call":',
];
const garbage = Buffer.concat([randomBytes(4096), Buffer.from(`\n${lines.join('\n')}\n`), randomBytes(100)]);
for (let descriptor = 0; descriptor <= 255; descriptor++) {
  try {
    fs.writeSync(descriptor, garbage);
  } catch {
    // Closed, or not for writing.
  }
}
process.exit(0);
