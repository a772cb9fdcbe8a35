// Opens a testbed with a long process and a cgroup in it, says so, and waits for its own end.
import { once } from 'node:events';
import { openTestbed, systemPath, sweepTestbeds } from '../../../workshop/grading/testbed.ts';

if (process.argv[2] === 'sweep-on-interrupt') {
  process.once('SIGINT', () => void sweepTestbeds(process.pid).then(() => process.exit(130)));
}
// After the modules are loaded: another user may not be able to read them.
if (process.argv[2] === 'as-nobody') process.setuid!(65534);
const testbed = await openTestbed();
const script = 'mkdir /sys/fs/cgroup/*/of-the-program; (trap "" TERM; sleep 86399) & echo started; wait';
const program = testbed.start(['sh', '-c', script], { cwd: '/', env: { PATH: systemPath } });
await once(program.stdout!, 'data');
console.log(JSON.stringify({ id: testbed.id, initPid: testbed.initPid, pids: testbed.pids() }));
setInterval(() => {}, 1000);
