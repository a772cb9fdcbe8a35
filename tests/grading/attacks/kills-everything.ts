// Kills its parent, and then every process that it can see, PID 1 included.
import fs from 'node:fs';

const others = fs
  .readdirSync('/proc')
  .filter((name) => /^\d+$/.test(name))
  .map(Number);
for (const pid of [process.ppid, 1, ...others, -1]) {
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGSTOP', 'SIGKILL'] as const) {
    try {
      if (pid !== process.pid) process.kill(pid, signal);
    } catch {
      // Gone, or out of reach.
    }
  }
}
console.log('nobody is left');
