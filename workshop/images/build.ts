// Builds an image and puts it where it belongs, whole or not at all.

import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBuildFolder } from './build-folder.ts';
import { BUSYBOX_STEPS, buildBusybox } from './busybox.ts';
import { DEBIAN_STEPS, buildDebian } from './debian.ts';
import { digestOf, imageInfoPath, imagePath, imagesFolder, isImageReady, readImageInfo } from './image.ts';
import type { ImageInfo, ImageName } from './image.ts';

/** How far a build is: `done` of `total` steps are over, and `label` names the one that begins. */
export interface BuildStep {
  done: number;
  total: number;
  label: string;
}

export interface BuildOptions {
  onProgress?: (step: BuildStep) => void;
}

const ARCHIVE_MODE = 0o644;

/**
 * Builds the image `name`, also where there is one already, and returns what is known of it.
 * The archive appears under its name only when it is complete and on the disk; a build that fails or is interrupted
 * leaves the images as they were, and builds at the same time do not get in each other's way.
 * Throws one sentence that says what to do next.
 */
export async function buildImage(name: ImageName, options: BuildOptions = {}): Promise<ImageInfo> {
  const labels = [...stepsOf(name), 'computing the digest'];
  const onStep = (index: number) => {
    options.onProgress?.({ done: index, total: labels.length, label: labels[index] ?? 'done' });
  };
  using folder = openBuildFolder(name);
  const archive = join(folder.path, 'image.tar');
  const made = await make(name, folder.path, archive, onStep);
  onStep(labels.length - 1);
  const info: ImageInfo = { name, digest: await digestOf(archive), bytes: statSync(archive).size, ...made };
  install(info, archive, join(folder.path, 'image.json'));
  onStep(labels.length);
  return info;
}

function stepsOf(name: ImageName): readonly string[] {
  switch (name) {
    case 'busybox':
      return BUSYBOX_STEPS;
    case 'debian':
      return DEBIAN_STEPS;
  }
}

async function make(
  name: ImageName,
  folder: string,
  archive: string,
  onStep: (index: number) => void,
): Promise<Pick<ImageInfo, 'architecture' | 'source'>> {
  switch (name) {
    case 'busybox': {
      const { archive: content, ...rest } = await buildBusybox(folder, onStep);
      writeFileSync(archive, content);
      return rest;
    }
    case 'debian':
      return await buildDebian(archive, onStep);
  }
}

/** Moves the archive and its note into place. Nothing waits in between, so that two builds cannot mix theirs. */
function install(info: ImageInfo, archive: string, note: string): void {
  writeFileSync(note, `${JSON.stringify(info, null, 2)}\n`);
  for (const file of [archive, note]) {
    // Students read images, whatever root's umask is.
    chmodSync(file, ARCHIVE_MODE);
    flush(file);
  }
  // Whoever dies halfway must leave an image that counts as missing, not a new archive under an old note.
  const same = isImageReady(info.name) && readImageInfo(info.name)?.digest === info.digest;
  if (!same) rmSync(imageInfoPath(info.name), { force: true });
  renameSync(archive, imagePath(info.name));
  renameSync(note, imageInfoPath(info.name));
  flush(imagesFolder());
}

/** Waits until a file or a folder is on the disk. */
function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
