// Fetches an image from a registry into the folder of images, as an OCI image layout: blobs first, the index last, so
// that an image is there as a whole or not at all.

import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, imagesFolder, isImageName } from './image.ts';
import { DIGEST, parseReference, shortName } from './reference.ts';
import { type Descriptor, Registry, type RegistryDocument, Unreachable } from './registry.ts';

/** What was fetched. */
export interface Pulled {
  /** What the image is called in the folder of images. */
  name: string;
  /** Of its manifest. */
  digest: string;
  layers: number;
  /** Bytes of the whole image, and of these the ones that came over the network now. */
  bytes: number;
  fetched: number;
}

export interface PullOptions {
  /** What to call the image; otherwise the last part of its name in the registry. */
  name?: string | undefined;
  /** Is told how far it is: bytes of the whole image that are there. */
  onProgress?: (done: number, total: number) => void;
  /** Milliseconds to wait before another try, the first time. */
  patience?: number;
}

/** Tries for a blob of which nothing new came. */
const TRIES = 5;
/** Documents on the way from a tag to a manifest: an index of indexes is rare, and more than that is a circle. */
const MAX_DEPTH = 4;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** A manifest as we need it. */
interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

/**
 * Fetches the image that `text` names, in the variant for this machine. Blobs that are here already, of whichever image,
 * are not fetched again, and one that was cut off is gone on with.
 * Throws one sentence where there is no such image, or where what comes is not what its digest says.
 */
export async function pullImage(text: string, options: PullOptions = {}): Promise<Pulled> {
  const reference = parseReference(text);
  const name = options.name ?? shortName(reference);
  needFreeName(name);
  const registry = new Registry(reference);
  const { descriptor, bytes } = await manifestForThisMachine(registry, reference.wanted);
  const { config, layers } = manifestIn(bytes, text);
  const folder = join(imagesFolder(), name);
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });

  // A layer may be listed twice.
  const wanted = [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  let fetched = 0;
  const report = (current: number): void => options.onProgress?.(done + current, total);
  report(0);
  for (const blob of wanted) {
    const file = fileOf(blobs, blob);
    if (!isHere(file, blob)) fetched += await fetchBlob(registry, blob, file, report, options.patience ?? 1000);
    done += blob.size;
    report(0);
  }

  writeFileSync(fileOf(blobs, descriptor), bytes);
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const annotations = { 'org.opencontainers.image.ref.name': reference.wanted };
  const index = { schemaVersion: 2, manifests: [{ ...descriptor, annotations }] };
  writeFileSync(join(folder, 'index.json.new'), JSON.stringify(index));
  renameSync(join(folder, 'index.json.new'), join(folder, 'index.json'));
  // What an earlier image of this name had, and this one has not.
  const needed = new Set([descriptor, ...wanted].map((blob) => basename(fileOf(blobs, blob))));
  for (const old of readdirSync(blobs).filter((file) => !needed.has(file))) rmSync(join(blobs, old));
  return { name, digest: descriptor.digest, layers: layers.length, bytes: total, fetched };
}

function needFreeName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) {
    throw new Error(`"${name}" is no name for an image here: small letters, digits, dots, dashes`);
  }
  if (!isImageName(name) && !existsSync(join(imagesFolder(), `${name}.tar`))) return;
  throw new Error(`there is an image ${name} already that came from no registry: give this one another name with --as`);
}

/** Follows indexes to the manifest for this machine. */
async function manifestForThisMachine(registry: Registry, wanted: string): Promise<RegistryDocument> {
  let document = await registry.manifest(wanted);
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const { manifests } = JSON.parse(document.bytes.toString()) as { manifests?: Descriptor[] };
    if (manifests === undefined) return document;
    const architecture = ARCHITECTURES[process.arch];
    const found = manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture);
    if (found === undefined) {
      const there = manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(', ');
      throw new Error(`the image is not made for linux/${architecture}; it is for ${there}`);
    }
    document = await registry.manifest(needDigest(found));
  }
  throw new Error(`"${wanted}" leads from index to index`);
}

function manifestIn(bytes: Buffer, text: string): Manifest {
  const { config, layers } = JSON.parse(bytes.toString()) as Partial<Manifest>;
  if (config === undefined || layers === undefined) throw new Error(`${text} is no image of a kind that is known here`);
  return { config, layers };
}

/** A digest becomes the name of a file, so nothing else may pass for one. */
function needDigest({ digest }: Descriptor): string {
  if (!DIGEST.test(digest)) throw new Error(`"${digest}" is no digest that can be checked here`);
  return digest;
}

function fileOf(blobs: string, descriptor: Descriptor): string {
  return join(blobs, needDigest(descriptor).slice('sha256:'.length));
}

/** Whether the blob is there, or is there with another image, with which this one then shares it. */
function isHere(file: string, { size }: Descriptor): boolean {
  const isWhole = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.size === size;
  if (isWhole(file)) return true;
  const others = readdirSync(imagesFolder()).map((name) =>
    join(imagesFolder(), name, 'blobs', 'sha256', basename(file)),
  );
  const other = others.find(isWhole);
  if (other === undefined) return false;
  rmSync(file, { force: true });
  linkSync(other, file);
  return true;
}

/** Fetches a blob, going on where it was cut off, and returns how many bytes came. */
async function fetchBlob(
  registry: Registry,
  { digest, size }: Descriptor,
  file: string,
  report: (bytes: number) => void,
  patience: number,
): Promise<number> {
  const partial = `${file}.partial`;
  let fetched = 0;
  for (let tries = 0; sizeOf(partial) < size || !existsSync(partial);) {
    const before = sizeOf(partial);
    try {
      const { start, body } = await registry.blob(digest, before);
      if (start > before) throw new Error(`the registry left out bytes of ${digest}`);
      truncateTo(partial, start);
      for await (const chunk of appended(partial, body, size)) {
        fetched += chunk.length;
        report(sizeOf(partial));
      }
    } catch (error) {
      if (!isCutOff(error)) throw error;
      tries = sizeOf(partial) > before ? 0 : tries + 1;
      if (tries === TRIES)
        throw new Error(`${digest} cannot be fetched: ${(error as Error).message}`, { cause: error });
      await sleep(patience * 2 ** tries);
    }
  }
  if ((await digestOf(partial)) !== digest) {
    rmSync(partial);
    throw new Error(`what the registry sent is not ${digest}: it was thrown away`);
  }
  renameSync(partial, file);
  return fetched;
}

/** Whether the connection broke: then the rest may come with another one. */
function isCutOff(error: unknown): boolean {
  return (
    error instanceof Unreachable ||
    error instanceof ShortBody ||
    (error instanceof TypeError && error.message === 'terminated')
  );
}

class ShortBody extends Error {
  override name = 'ShortBody';
}

/** Appends to a file what comes, and hands on each piece that is written. */
async function* appended(file: string, body: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  const descriptor = openSync(file, 'a');
  let there = sizeOf(file);
  try {
    for await (const chunk of body) {
      there += chunk.length;
      if (there > size)
        throw new Error(`the registry sent more than the ${size} bytes of ${basename(file, '.partial')}`);
      writeSync(descriptor, chunk);
      yield chunk;
    }
  } finally {
    closeSync(descriptor);
  }
  if (there < size) throw new ShortBody(`the connection ended after ${there} of ${size} bytes`);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function truncateTo(file: string, bytes: number): void {
  if (!existsSync(file)) writeFileSync(file, '');
  truncateSync(file, bytes);
}
