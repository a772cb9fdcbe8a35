// npm run grade:worker: grades on this machine what `grade --queue` put into a queue.
import os from 'node:os';
import { graderVersion } from '../class/grader-version.ts';
import { openWorkers } from '../class/open-workers.ts';
import { openQueueWorker } from '../class/queue-worker.ts';
import { becomeRoot, command, exitStatus, options, needRedisAddress, UsageError, wholeNumber } from './command.ts';

const help = `Usage: npm run grade:worker -- --queue URL [options]

Grades what "npm run grade -- FOLDER --queue URL" puts into a queue on Redis.
Start one on each machine that takes part; each may come and go at any time.
Each submission is graded in a virtual machine, put back to its beginning
between students.

  --queue URL       redis://…, or rediss://… with TLS
  --here            on this machine itself, in testbeds: for submissions that
                    you trust not to attack it. They run as root on its kernel
  --jobs N          submissions graded at a time (one for each processor)
  --lock-seconds N  after so long without a sign of life, what a worker had is
                    given to another one (30)
  --yes             build a missing image without asking

The first Ctrl-C lets it finish what it has; the second ends it at once, and
others grade that anew.
Exit status: 0 ended as asked, 2 wrong usage, 3 this machine is not ready,
4 this machine cannot grade any more, 130 ended at once.
`;

async function main(argv: string[]): Promise<number> {
  const { values } = options({
    args: argv,
    options: {
      queue: { type: 'string' },
      here: { type: 'boolean' },
      jobs: { type: 'string' },
      'lock-seconds': { type: 'string' },
      yes: { type: 'boolean' },
    },
  });
  if (values.queue === undefined) throw new UsageError('--queue is missing: where is the work?');
  needRedisAddress(values.queue);
  const jobs = wholeNumber('--jobs', values.jobs) ?? os.availableParallelism();
  const lock = (wholeNumber('--lock-seconds', values['lock-seconds']) ?? 30) * 1000;
  becomeRoot();
  await using workers = await openWorkers(jobs, { here: values.here === true, yes: values.yes === true });
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const worker = openQueueWorker(values.queue, workers.list, {
    graderVersion: graderVersion(),
    lock,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  void worker.broken.then(() => end(exitStatus.fault));
  let asked = 0;
  const stop = (): void => {
    asked += 1;
    if (asked > 1) return end(exitStatus.interrupted);
    process.stderr.write('\nFinishing what is begun; again to end at once.\n');
    void worker.finish().then(() => end(exitStatus.passed));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const status = await ended;
  if (status === exitStatus.fault) {
    process.stderr.write('This machine cannot grade a right program any more: look at it with "npm run doctor"\n');
  }
  await workers[Symbol.asyncDispose]();
  // It may wait for a Redis that does not come back.
  process.exit(status);
}

await command(help, main);
