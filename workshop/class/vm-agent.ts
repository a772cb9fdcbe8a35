// Within a worker's virtual machine: takes one job after another from the port that leads to the machine outside, grades
// it as on any machine, and answers. What it says is believed of the student whose programs are in here, and of nobody
// else: before the next one, the whole machine is put back.
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { NoTestbed } from '../grading/testbed.ts';
import { type Level, numberedLevels, solutionFile } from '../levels.ts';
import { openHereWorker, readyHere } from './here-worker.ts';
import type { VmAnswer, VmBeginning, VmJob } from './vm-worker.ts';

/** The first port of the first virtio-serial device. */
const PORT = '/dev/vport0p1';

while (!fs.existsSync(PORT)) await delay(50);
const port = fs.openSync(PORT, 'r+');

function answer(what: VmAnswer): void {
  const bytes = Buffer.from(`${JSON.stringify(what)}\n`);
  for (let done = 0; done < bytes.length;) done += fs.writeSync(port, bytes, done);
}

/** The next line. */
async function nextLine(): Promise<string> {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const length = await new Promise<number>((resolve, reject) => {
      fs.read(port, chunk, 0, chunk.length, null, (error, count) => (error ? reject(error) : resolve(count)));
    });
    // Nobody is at the other end.
    if (length === 0) await delay(50);
    chunks.push(chunk.subarray(0, length));
    if (length > 0 && chunk[length - 1] === 10) return Buffer.concat(chunks).toString('utf8');
  }
}

await readyHere(true);
const worker = openHereWorker(0);
// A grader that is warm when the machine is kept: each student finds it so.
const { warm } = JSON.parse(await nextLine()) as VmBeginning;
const [level] = numberedLevels() as [Level];
await worker.grade({
  level,
  text: fs.readFileSync(solutionFile(level), 'utf8'),
  seed: 'warm',
  seconds: Infinity,
  check: warm,
  hidden: [],
});
answer({ kind: 'ready' });
for (;;) {
  const { job } = JSON.parse(await nextLine()) as VmJob;
  try {
    answer({ kind: 'result', result: await worker.grade(job) });
  } catch (error) {
    const kind = error instanceof NoTestbed ? 'no-testbed' : 'fault';
    answer({ kind, message: (error as Error).message });
  }
}
