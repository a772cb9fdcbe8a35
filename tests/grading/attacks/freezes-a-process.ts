// Freezes a process, which no signal ends then. See cgroups(7), freezer.
import { spawn } from 'node:child_process';
import fs from 'node:fs';

const { pid } = spawn('sleep', ['86400'], { detached: true, stdio: 'ignore' });
const unified = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((directory) =>
  fs.existsSync(`${directory}/cgroup.procs`),
);
if (unified !== undefined) {
  fs.mkdirSync(`${unified}/frozen`);
  fs.writeFileSync(`${unified}/frozen/cgroup.procs`, String(pid));
  fs.writeFileSync(`${unified}/frozen/cgroup.freeze`, '1');
}
console.log('frozen');
process.exit(0);
