// A tar that was handed in, plain or through gzip.
import fs from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import * as tar from 'tar';
import { type Basket, intakeLimits, tooLarge } from './basket.ts';
import { Unusable } from './submission.ts';

/** Whether these are the first bytes of a tar: a header whose checksum is right. See tar(5). */
export function isTar(head: Buffer): boolean {
  if (head.length !== 512) return false;
  try {
    return new tar.Header(head, 0).cksumValid === true;
  } catch {
    // Of bytes that are no numbers in any of tar's ways of writing them.
    return false;
  }
}

/** Takes what is wanted out of a tar. @throws Unusable */
export async function takeFromTar(file: string, gzip: boolean, basket: Basket): Promise<void> {
  let refused: Error | null = null;
  let entries = 0;
  const parser = new tar.Parser({
    strict: true,
    // What it would unpack itself would not be counted.
    brotli: false,
    zstd: false,
    onReadEntry(entry) {
      entries += 1;
      const chunks: Buffer[] = [];
      try {
        if (refused === null && basket.wants(entry.path)) {
          if (entry.type !== 'File' && entry.type !== 'OldFile') {
            basket.put(entry.path, 'its box.ts is no plain file');
          } else if (entry.size > intakeLimits.box) basket.put(entry.path, tooLarge);
          else {
            entry.on('data', (chunk: Buffer) => chunks.push(chunk));
            entry.on('end', () => basket.put(entry.path, Buffer.concat(chunks)));
            return;
          }
        }
      } catch (error) {
        refused = error as Error;
      }
      entry.resume();
    },
  });
  // What comes after the end is not handed to the parser, which would keep it.
  let ended = false;
  parser.on('eof', () => (ended = true));
  let size = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (size === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) refused = new Unusable('it is compressed twice');
      size += chunk.length;
      if (size > intakeLimits.unpacked) refused = new Unusable('it unpacks to more than is looked through');
      done(refused, ended ? undefined : chunk);
    },
  });
  const parsed = new Promise<void>((resolve, reject) => parser.on('end', resolve).on('error', reject));
  // A rejection that comes while the pipeline still works is its own to report.
  parsed.catch(() => {});
  try {
    const source = fs.createReadStream(file);
    const sink = parser as unknown as NodeJS.WritableStream;
    const signal = AbortSignal.timeout(intakeLimits.time);
    if (gzip) await pipeline(source, createGunzip(), counted, sink, { signal });
    else await pipeline(source, counted, sink, { signal });
    await parsed;
  } catch (error) {
    throw refused ?? asUnusable(error as Error);
  }
  if (refused !== null) throw refused as Error;
  if (entries === 0) throw new Unusable('it is an archive with nothing in it');
}

function asUnusable(error: Error): Error {
  if (error instanceof Unusable) return error;
  if (error.name === 'AbortError') return new Unusable('looking through it took too long');
  return new Unusable(`its archive is cut off or damaged (${error.message.slice(0, 120)})`);
}
