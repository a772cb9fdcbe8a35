// A folder for one test file, and archives to put into it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Header } from 'tar';
import type { HeaderData } from 'tar';

/** A temporary folder; `using` or `remove` takes it away with all that is in it. */
export function openWorkspace(): Disposable & { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'boxwright-images-'));
  const remove = () => rmSync(path, { recursive: true, force: true });
  return { path, remove, [Symbol.dispose]: remove };
}

export type RawEntry = HeaderData & { content?: string };

/** The blocks of one entry, with nothing checked: archives from hostile hands say what they like. */
export function rawEntry({ content = '', ...fields }: RawEntry): Buffer {
  const header = new Header({
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: new Date(0),
    type: 'File',
    ...fields,
  });
  header.encode();
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([header.block as Buffer, body]);
}

/** The two empty blocks at the end of an archive. */
export const END = Buffer.alloc(1024);

/** Writes an archive of `entries` to `file` and returns its name. */
export function writeRaw(file: string, entries: RawEntry[]): string {
  writeFileSync(file, Buffer.concat([...entries.map(rawEntry), END]));
  return file;
}
