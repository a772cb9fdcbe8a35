// Where things are: the workshop's own folders, and its data on this machine.
import path from 'node:path';

/** The checkout: the folder of package.json. */
export const workshopRoot = path.dirname(import.meta.dirname);

export { dataDirectory } from './data-directory.mjs';

/** What the workshop remembers while it runs, so that the next run can clean up after a killed one. */
export const runDirectory = '/run/boxwright';
