// Images: what they are called, where they are kept, and whether one is there and intact.

import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirectory } from '../paths.ts';

export const IMAGE_NAMES = ['busybox', 'debian'] as const;

export type ImageName = (typeof IMAGE_NAMES)[number];

/** What is known of a built image; kept as JSON beside its archive. */
export interface ImageInfo {
  name: ImageName;
  /** Of the archive: `sha256:` and 64 hexadecimal digits. */
  digest: string;
  /** Size of the archive. */
  bytes: number;
  /** As Debian names it: `amd64`, `arm64`. */
  architecture: string;
  /** Where the content came from. */
  source: { package: string; version: string };
}

/** The folder that holds the images; it need not exist yet. */
export function imagesFolder(): string {
  return join(dataDirectory(), 'images');
}

/** Where the archive of the image `name` is, or will be. */
export function imagePath(name: ImageName): string {
  return join(imagesFolder(), `${name}.tar`);
}

/** Where the facts about the image `name` are, or will be. */
export function imageInfoPath(name: ImageName): string {
  return join(imagesFolder(), `${name}.json`);
}

/** True where `word` names an image of ours. */
export function isImageName(word: string): word is ImageName {
  return (IMAGE_NAMES as readonly string[]).includes(word);
}

/** What was noted when the image was built, or undefined where there is no such note. */
export function readImageInfo(name: ImageName): ImageInfo | undefined {
  let text: string;
  try {
    text = readFileSync(imageInfoPath(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  return parseImageInfo(text, name);
}

/**
 * True where the image's archive is there with the size it was built with.
 * Reads two directory entries and no content, so that every check can afford it;
 * `verifyImage` looks at the content.
 */
export function isImageReady(name: ImageName): boolean {
  const archive = statSync(imagePath(name), { throwIfNoEntry: false });
  if (!archive?.isFile()) return false;
  return archive.size === readImageInfo(name)?.bytes;
}

/**
 * Reads the whole archive and compares it with the digest it was built with.
 * Throws where the image is missing or has changed, and says how to rebuild it.
 */
export async function verifyImage(name: ImageName): Promise<ImageInfo> {
  const info = readImageInfo(name);
  if (!info || !isImageReady(name)) {
    throw new Error(`the image ${name} is missing or incomplete: build it with ${setupCommand(name)}`);
  }
  const digest = await digestOf(imagePath(name));
  if (digest !== info.digest) {
    throw new Error(
      `the image ${name} has changed since it was built (${digest}, not ${info.digest}): build it again with ${setupCommand(name, '--force')}`,
    );
  }
  return info;
}

/** The digest of a file, as `ImageInfo` writes it. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** The command that a person types to build the image `name`. */
export function setupCommand(name: ImageName, ...options: string[]): string {
  // setup builds busybox unasked; every other image needs --all.
  const all = name === 'busybox' ? options : ['--all', ...options];
  return ['npm run setup', ...(all.length > 0 ? ['--', ...all] : [])].join(' ');
}

function parseImageInfo(text: string, name: ImageName): ImageInfo | undefined {
  try {
    const info = JSON.parse(text) as ImageInfo | null;
    return info?.name === name ? info : undefined;
  } catch (error) {
    // A note that cannot be read is as good as none: the image is then built again.
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
