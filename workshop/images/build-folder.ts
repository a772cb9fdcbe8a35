// The folder in which one build works: hidden, beside the images, and gone afterwards, also after Ctrl-C.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { imagesFolder } from './image.ts';

const PREFIX = '.building-';

/** After this time a folder belongs to a build that was killed: no build takes a day. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A build's own folder; `using` removes it. */
export interface BuildFolder extends Disposable {
  path: string;
}

/**
 * Makes a folder for building the image `name`, on the same filesystem as the images, so that the result can be
 * renamed into place. Removes what builds killed long ago left behind.
 * Throws one sentence where the images' folder cannot be written.
 */
export function openBuildFolder(name: string): BuildFolder {
  const parent = imagesFolder();
  let path: string;
  try {
    mkdirSync(parent, { recursive: true, mode: 0o755 });
    path = mkdtempSync(join(parent, `${PREFIX}${name}-`));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `cannot write images to ${parent} (${code}): run npm run setup, or set BOXWRIGHT_HOME to a folder of yours`,
      { cause: error },
    );
  }
  removeAbandoned(parent);

  const remove = () => rmSync(path, { recursive: true, force: true });
  const removeAndDie = (signal: NodeJS.Signals) => {
    close();
    // Without our listener the signal means what it meant before.
    process.kill(process.pid, signal);
  };
  const close = () => {
    for (const signal of SIGNALS) process.removeListener(signal, removeAndDie);
    remove();
  };
  for (const signal of SIGNALS) process.once(signal, removeAndDie);
  return { path, [Symbol.dispose]: close };
}

function removeAbandoned(parent: string): void {
  for (const entry of readdirSync(parent)) {
    if (!entry.startsWith(PREFIX)) continue;
    const path = join(parent, entry);
    const started = statSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? Date.now();
    if (Date.now() - started > ABANDONED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}
