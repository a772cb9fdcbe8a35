// Where workers put what they need while they grade, each in a folder that begins with the number of its process.
import fs from 'node:fs';
import path from 'node:path';
import { dataDirectory } from '../paths.ts';

/** The folder of all workers of this machine, made where it is missing, with its links resolved. */
export function stagingFolder(): string {
  const folder = path.join(dataDirectory(), 'staging');
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return fs.realpathSync(folder);
}

/** A worker's own folder, which is not there yet. */
export function stagingOf(worker: string): string {
  return path.join(stagingFolder(), `${process.pid}-${worker}`);
}

/** Removes what killed workers left. */
export function sweepStaging(): void {
  for (const name of fs.readdirSync(stagingFolder())) {
    if (!fs.existsSync(`/proc/${Number.parseInt(name, 10)}`)) {
      fs.rmSync(path.join(stagingFolder(), name), { recursive: true, force: true });
    }
  }
}
