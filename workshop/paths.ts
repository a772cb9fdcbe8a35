// Where things are: the workshop's own folders, and its data on this machine.
import path from 'node:path';

/** The checkout: the folder of package.json. */
export const workshopRoot = path.dirname(import.meta.dirname);

/** Images and containers; BOXWRIGHT_HOME overrides it. Never in a synced folder: overlay needs a real filesystem. */
export function dataDirectory(): string {
  return path.resolve(process.env['BOXWRIGHT_HOME'] || '/var/lib/boxwright');
}

/** What the workshop remembers while it runs, so that the next run can clean up after a killed one. */
export const runDirectory = '/run/boxwright';
