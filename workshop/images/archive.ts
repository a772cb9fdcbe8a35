// Writes a tar archive that depends on nothing but its entries: no clock, no umask, no order of a folder.

import { Header } from 'tar';

/** One entry of an archive. Paths have no leading slash, modes are the low twelve bits, owners default to root. */
export type ArchiveEntry = { path: string; uid?: number; gid?: number } & (
  | { kind: 'directory'; mode: number }
  | { kind: 'file'; mode: number; content: string | Buffer }
  | { kind: 'symlink'; target: string }
  | { kind: 'hard-link'; target: string }
  | { kind: 'character-device'; mode: number; major: number; minor: number }
);

const BLOCK_BYTES = 512;

/** What tar writes for the mode of a symbolic link: the kernel never asks. */
const SYMLINK_MODE = 0o777;

/** What names the owner of an entry, for programs that ask for names rather than numbers. */
const ROOT_NAME = 'root';

/**
 * The archive that holds `entries`, sorted by path, each dated `mtime`.
 * It ends with two empty blocks and nothing after, so that no cut goes unnoticed.
 * Throws where two entries have one path, where a hard link comes before the file it shares,
 * and where a name is too long for a plain tar header.
 */
export function writeArchive(entries: ArchiveEntry[], mtime: Date): Buffer {
  const sorted = entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const files = new Set<string>();
  const blocks: Buffer[] = [];
  let previous: string | undefined;
  for (const entry of sorted) {
    if (entry.path === previous) throw new Error(`two entries are called ${entry.path}`);
    if (entry.kind === 'hard-link' && !files.has(entry.target)) {
      throw new Error(`the hard link ${entry.path} comes before the file it shares, ${entry.target}`);
    }
    if (entry.kind === 'file') files.add(entry.path);
    previous = entry.path;
    blocks.push(...encode(entry, mtime));
  }
  blocks.push(Buffer.alloc(2 * BLOCK_BYTES));
  return Buffer.concat(blocks);
}

function encode(entry: ArchiveEntry, mtime: Date): Buffer[] {
  const content = entry.kind === 'file' ? Buffer.from(entry.content) : Buffer.alloc(0);
  const header = new Header({
    mtime,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    uname: entry.uid ? '' : ROOT_NAME,
    gname: entry.gid ? '' : ROOT_NAME,
    size: content.length,
    devmaj: 0,
    devmin: 0,
    ...fieldsOf(entry),
  });
  if (header.encode()) throw new Error(`the entry ${entry.path} does not fit into a plain tar header`);
  const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
  return [header.block as Buffer, content, padding];
}

function fieldsOf(entry: ArchiveEntry): object {
  const { path } = entry;
  switch (entry.kind) {
    case 'directory':
      return { type: 'Directory', path: `${path}/`, mode: entry.mode };
    case 'file':
      return { type: 'File', path, mode: entry.mode };
    case 'symlink':
      return { type: 'SymbolicLink', path, linkpath: entry.target, mode: SYMLINK_MODE };
    case 'hard-link':
      return { type: 'Link', path, linkpath: entry.target, mode: 0o755 };
    case 'character-device':
      return { type: 'CharacterDevice', path, mode: entry.mode, devmaj: entry.major, devmin: entry.minor };
  }
}
