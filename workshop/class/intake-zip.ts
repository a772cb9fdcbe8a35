// A zip that was handed in.
import { buffer } from 'node:stream/consumers';
import * as yauzl from 'yauzl';
import { type Basket, intakeLimits, tooLarge } from './basket.ts';
import { Unusable } from './submission.ts';

/** The file type in the mode that zip keeps in the upper half of its external attributes. See inode(7). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** Takes what is wanted out of a zip. @throws Unusable */
export async function takeFromZip(file: string, basket: Basket): Promise<void> {
  try {
    const zip = await yauzl.openPromise(file, { lazyEntries: true, autoClose: false });
    try {
      if (zip.entryCount === 0) throw new Unusable('it is an archive with nothing in it');
      for await (const entry of zip.eachEntry()) {
        if (!basket.wants(entry.fileName)) continue;
        basket.put(entry.fileName, await contentOf(zip, entry));
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof Unusable) throw error;
    const { message } = error as Error;
    if (/^(invalid relative path|absolute path|invalid characters in fileName)/.test(message)) {
      throw new Unusable(`it has a path that leads outside: ${JSON.stringify(message.slice(0, 120))}`);
    }
    throw new Unusable(`its archive is cut off or damaged (${message.slice(0, 120)})`);
  }
}

async function contentOf(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Uint8Array | string> {
  const type = (entry.externalFileAttributes >>> 16) & S_IFMT;
  if (type !== 0 && type !== S_IFREG) return 'its box.ts is no plain file';
  if (entry.isEncrypted()) return 'its box.ts is encrypted';
  // The size is what the archive says; the reader ends with an error where there comes more.
  if (entry.uncompressedSize > intakeLimits.box) return tooLarge;
  return await buffer(await zip.openReadStreamPromise(entry));
}
