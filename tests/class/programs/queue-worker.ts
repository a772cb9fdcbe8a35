// A worker on a queue whose grader is not ours, but knows the verdict: the first line of a box.ts says it, and how long
// it takes. Each level that it begins becomes a line of a file.
//
//   queue-worker.ts URL LOCK-MILLISECONDS FILE
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openQueueWorker } from '../../../workshop/class/queue-worker.ts';
import type { Worker } from '../../../workshop/class/worker.ts';
import { GraderFault } from '../../../workshop/grading/grader.ts';
import { resultFor } from '../outcomes.ts';

const [url, lock, file] = process.argv.slice(2) as [string, string, string];

const worker: Worker = {
  async grade({ level, text }) {
    fs.appendFileSync(file, `${process.pid} ${text.split('\n')[0]}\n`);
    const { verdict, milliseconds } = JSON.parse(text.split('\n')[0]!.replace('// ', '')) as {
      verdict: 'passed' | 'failed' | 'fault';
      milliseconds: number;
    };
    await delay(milliseconds);
    if (verdict === 'fault') throw new GraderFault('it broke on purpose');
    return resultFor(level, verdict === 'passed' ? null : 0);
  },
  async forget() {},
  async [Symbol.asyncDispose]() {},
};

const queue = openQueueWorker(url, [worker, worker], {
  graderVersion: 'test',
  lock: Number(lock),
  say: (line) => console.log(line),
});
process.on('SIGTERM', () => void queue.finish().then(() => process.exit()));
