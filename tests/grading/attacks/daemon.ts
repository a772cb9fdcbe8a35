// Leaves a process behind that is in no session and has no parent of ours.
import { spawn } from 'node:child_process';

spawn('sh', ['-c', '(trap "" HUP TERM; setsid sleep 86400 >/dev/null 2>&1 </dev/null &)'], {
  detached: true,
  stdio: 'ignore',
});
setTimeout(() => process.exit(0), 500);
