// Has an image ready for whoever needs it, building it on the way where it is missing.

import { createInterface } from 'node:readline/promises';
import { isImageReady } from './image.ts';
import type { ImageInfo, ImageName } from './image.ts';

/** What a person is told before they agree to a build. */
const WHAT_IT_TAKES: Record<ImageName, string> = {
  busybox: "from Debian's package busybox-static (about 2 MB)",
  debian: 'from about 50 packages of Debian (a few minutes, about 90 MB)',
};

/**
 * Builds the image `name` unless it is there, and returns true when it is.
 * On a terminal it asks first, unless `yes`; a no makes it return false.
 * Writes to stderr only. Throws one sentence where the build fails.
 */
export async function ensureImage(name: ImageName, options: { yes: boolean }): Promise<boolean> {
  if (isImageReady(name)) return true;
  if (!options.yes && process.stdin.isTTY && process.stderr.isTTY && !(await agrees(name))) return false;
  await buildWithProgress(name);
  return true;
}

/** Builds the image `name`, present or not, and shows on stderr how far it is. Throws as `buildImage` does. */
export async function buildWithProgress(name: ImageName): Promise<ImageInfo> {
  // Not before: each check asks for an image, and nearly none builds one.
  const [{ buildImage }, { openProgress }] = await Promise.all([import('./build.ts'), import('./progress.ts')]);
  using progress = openProgress(name);
  return await buildImage(name, { onProgress: progress.show });
}

async function agrees(name: ImageName): Promise<boolean> {
  const question = `The image ${name} is not built yet. Build it now ${WHAT_IT_TAKES[name]}? [Y/n] `;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // The end of the input answers nothing, and so does not agree.
    const closed = new Promise<string>((answer) => terminal.once('close', () => answer('no')));
    // readline takes Ctrl-C for itself; it must end the program as it does anywhere else.
    terminal.once('SIGINT', () => {
      terminal.close();
      process.kill(process.pid, 'SIGINT');
    });
    const answer = await Promise.race([terminal.question(question), closed]);
    return /^\s*(y|yes)?\s*$/i.test(answer);
  } finally {
    terminal.close();
  }
}
