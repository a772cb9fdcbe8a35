// The workers of one process: on this machine, or each in a virtual machine of its own.
import fs from 'node:fs';
import { needBusybox } from '../cli/command.ts';
import { openHereWorker, readyHere } from './here-worker.ts';
import { stagingOf, sweepStaging } from './staging.ts';
import { vmDisks } from './vm-disks.ts';
import { openVmWorker } from './vm-worker.ts';
import type { Worker } from './worker.ts';

/** The workers of one process, and what they share. Close it, or declare it with `await using`. */
export type Workers = AsyncDisposable & { readonly list: readonly Worker[] };

/**
 * Opens workers, when all that they need is there.
 *
 * @param options.here on this machine itself
 * @param options.yes builds a missing image without asking
 * @throws NotReady where there can be none
 */
export async function openWorkers(count: number, options: { here: boolean; yes: boolean }): Promise<Workers> {
  sweepStaging();
  const slots = Array.from({ length: count }, (_, slot) => slot);
  if (options.here) {
    await readyHere(options.yes);
    return together(slots.map(openHereWorker), () => {});
  }
  await needBusybox(options.yes);
  const folder = stagingOf('disks');
  fs.mkdirSync(folder, { recursive: true });
  const disks = await vmDisks(folder);
  const list = slots.map((slot) => openVmWorker(stagingOf(`machine-${slot}`), disks));
  return together(list, () => fs.rmSync(folder, { recursive: true, force: true }));
}

function together(list: readonly Worker[], afterwards: () => void): Workers {
  return {
    list,
    async [Symbol.asyncDispose]() {
      await Promise.all(list.map((worker) => worker[Symbol.asyncDispose]()));
      afterwards();
    },
  };
}
