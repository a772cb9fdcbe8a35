// Unpacks an image into a directory of its own, whole or not at all, and never outside it.

import {
  chmodSync,
  closeSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UnpackSync } from 'tar';
import type { ReadEntry } from 'tar';

/** What an entry of an archive turns into; `special` is a device or a pipe. */
type Kind = 'directory' | 'file' | 'symlink' | 'special';

/** What must be at one path below the root once the archive is unpacked. */
interface Placed {
  kind: Kind;
  /** The permission bits, setuid, setgid and sticky included. */
  mode: number;
  uid: number;
  gid: number;
  bytes: number;
  mtime: Date | undefined;
}

export interface UnpackOptions {
  /** Called with the name of each entry that is left out: device nodes and pipes. */
  onSkip?: (entry: string) => void;
}

/** Why an archive was not unpacked: one sentence, with the entry at fault where there is one. */
export class UnpackError extends Error {
  override name = 'UnpackError';
  readonly archive: string;
  readonly entry: string | undefined;

  constructor(archive: string, entry: string | undefined, sentence: string, cause?: unknown) {
    super(sentence, { cause });
    this.archive = archive;
    this.entry = entry;
  }
}

const KINDS: Partial<Record<ReadEntry['type'], Kind>> = {
  Directory: 'directory',
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  SymbolicLink: 'symlink',
  CharacterDevice: 'special',
  BlockDevice: 'special',
  FIFO: 'special',
};

/** How much of the archive is read at a time. */
const CHUNK_BYTES = 1024 * 1024;

const DEFAULT_DIRECTORY_MODE = 0o755;

const PERMISSION_BITS = 0o7777;

/**
 * Unpacks `archive` (tar, also gzipped) into the directory `root`, which must not exist yet;
 * the folders above it are made where they are missing.
 * Symbolic links, absolute ones too, and hard links stay as they are; owners (for root) and modes are
 * the archive's whatever the umask is; device nodes and pipes are left out.
 * Everything is synchronous, and may run in a forked child.
 * Throws an UnpackError, and leaves no `root` behind, where the archive is empty, broken or cut,
 * or where an entry would be written outside the root.
 */
export function unpack(archive: string, root: string, options: UnpackOptions = {}): void {
  if (lstatSync(root, { throwIfNoEntry: false })) {
    throw new UnpackError(archive, undefined, `cannot unpack ${archive}: ${root} exists already`);
  }
  const descriptor = openArchive(archive);
  try {
    const target = resolve(root);
    mkdirSync(dirname(target), { recursive: true });
    // A sibling, so that the rename stays on one filesystem.
    const folder = mkdtempSync(join(dirname(target), `.${basename(target)}.`));
    try {
      chmodSync(folder, DEFAULT_DIRECTORY_MODE);
      settle(archive, folder, extract(archive, descriptor, folder, options));
      renameSync(folder, target);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  } finally {
    closeSync(descriptor);
  }
}

function openArchive(archive: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(archive, 'r');
  } catch (error) {
    throw new UnpackError(archive, undefined, `cannot read the archive ${archive}: ${(error as Error).message}`, error);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new UnpackError(archive, undefined, `cannot unpack ${archive}: it is not a file`);
}

/** Writes the archive's entries below `folder` and says what must be there now. */
function extract(archive: string, descriptor: number, folder: string, options: UnpackOptions): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  let problem: UnpackError | undefined;
  let current: string | undefined;
  let entries = 0;
  let ended = false;

  const parser = new UnpackSync({
    cwd: folder,
    sync: true,
    strict: true,
    // Otherwise absolute link targets lose their slash. It also turns off tar's own checks: `admit` has ours.
    preservePaths: true,
    filter(_path, item) {
      const entry = item as ReadEntry;
      // Nothing is written any more after the first problem.
      if (problem) return false;
      entries += 1;
      current = entry.path;
      try {
        const kind = admit(archive, entry, placed);
        if (kind === 'special') options.onSkip?.(entry.path);
        return kind !== 'special';
      } catch (error) {
        if (!(error instanceof UnpackError)) throw error;
        problem = error;
        return false;
      }
    },
  });
  parser.on('error', (error: Error) => {
    problem ??= broken(archive, reasonOf(error), current, error);
  });
  // tar leaves out what it does not know (sparse files, oversized names) without a word.
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    if (entry.meta || !isKnown(entry)) {
      problem ??= broken(archive, `tar cannot unpack an entry of the type ${entry.type}`, entry.path);
    }
  });
  // A cut between two entries looks like an end to tar: only the end marker tells.
  parser.on('eof', () => {
    ended = true;
  });

  feed(parser, descriptor, () => problem !== undefined);
  if (problem) throw problem;
  if (!ended) throw broken(archive, 'it is cut off: its end marker is missing', current);
  if (entries === 0) throw broken(archive, 'it holds no entries');
  return placed;
}

function feed(parser: UnpackSync, descriptor: number, hasFailed: () => boolean): void {
  const size = fstatSync(descriptor).size;
  for (let offset = 0; offset < size && !hasFailed();) {
    // A fresh buffer each time: tar keeps slices of what it was given.
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - offset));
    const length = readSync(descriptor, chunk, 0, chunk.length, offset);
    if (length === 0) break;
    offset += length;
    parser.write(chunk.subarray(0, length));
  }
  parser.end();
}

/**
 * Notes in `placed` what `entry` turns into, and returns its kind.
 * Throws where it would be written outside the root, or where no such archive can be meant.
 * The root is new, so every link that an entry could pass through is in `placed` already.
 */
function admit(archive: string, entry: ReadEntry, placed: Map<string, Placed>): Kind {
  const path = normalize(archive, entry.path, entry.path);
  passThroughDirectories(archive, entry.path, path, placed, 'would be written');

  const before = placed.get(path);
  const after = entry.type === 'Link' ? sharedWith(archive, entry, placed) : describe(archive, entry);
  if (after.kind !== 'directory' && (path === '' || before?.kind === 'directory')) {
    throw refused(archive, entry.path, 'would replace a directory by something else');
  }
  placed.set(path, after);
  return after.kind;
}

function describe(archive: string, entry: ReadEntry): Placed {
  const kind = KINDS[entry.type];
  if (!kind) throw refused(archive, entry.path, `is of a type that a container's root does not have (${entry.type})`);
  return {
    kind,
    mode: entry.mode ?? DEFAULT_DIRECTORY_MODE,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    bytes: entry.size,
    mtime: entry.mtime,
  };
}

/** What a hard link shares. A hard link to a symbolic link is one itself, and must count as one from then on. */
function sharedWith(archive: string, entry: ReadEntry, placed: Map<string, Placed>): Placed {
  const target = entry.linkpath ?? '';
  const path = normalize(archive, entry.path, target, `is a hard link to ${JSON.stringify(target)}, which is`);
  passThroughDirectories(archive, entry.path, path, placed, `is a hard link to ${JSON.stringify(target)}, which is`);
  const shared = placed.get(path);
  if (!shared)
    throw refused(archive, entry.path, `is a hard link to ${JSON.stringify(target)}, which does not come before it`);
  if (shared.kind === 'directory')
    throw refused(archive, entry.path, `is a hard link to a directory, ${JSON.stringify(target)}`);
  return shared;
}

/** `name` without empty and `.` parts; '' is the root itself. Throws where it leads out of the root. */
function normalize(archive: string, entry: string, name: string, what = 'would be written'): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..')) {
    throw refused(archive, entry, `${what} outside the container's root`);
  }
  return parts.join('/');
}

/** Notes the directories above `path` that the archive does not name; throws where one of them is not a directory. */
function passThroughDirectories(
  archive: string,
  entry: string,
  path: string,
  placed: Map<string, Placed>,
  what: string,
): void {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    const above = path.slice(0, slash);
    const kind = placed.get(above)?.kind;
    if (kind === 'directory') continue;
    if (kind === 'symlink') throw refused(archive, entry, `${what} through the symbolic link ${JSON.stringify(above)}`);
    if (kind) throw refused(archive, entry, `${what} below ${JSON.stringify(above)}, which is not a directory`);
    placed.set(above, { kind: 'directory', mode: DEFAULT_DIRECTORY_MODE, uid: 0, gid: 0, bytes: 0, mtime: undefined });
  }
}

/**
 * Gives every entry the owner, mode and date that the archive says, and makes sure that it is whole:
 * tar leaves modes to the umask, loses setuid and setgid to chown, and does not notice a short write.
 */
function settle(archive: string, folder: string, placed: Map<string, Placed>): void {
  const isRoot = process.getuid?.() === 0;
  for (const [path, wanted] of placed) {
    if (wanted.kind === 'special') continue;
    const place = join(folder, path);
    let found = lstatSync(place, { throwIfNoEntry: false });
    if (!found && wanted.kind === 'directory') {
      // Above a device node, and named nowhere: tar had no reason to make it.
      mkdirSync(place);
      found = lstatSync(place);
    }
    if (!found) throw broken(archive, 'it was not written', path);
    if (wanted.kind === 'file' && found.size !== wanted.bytes) {
      throw broken(archive, `only ${found.size} of ${wanted.bytes} bytes were written: is the disk full?`, path);
    }
    // Owner first: chown clears setuid and setgid.
    const moves = isRoot && (found.uid !== wanted.uid || found.gid !== wanted.gid);
    if (moves) lchownSync(place, wanted.uid, wanted.gid);
    if (wanted.kind === 'symlink') continue;
    if (moves || (found.mode & PERMISSION_BITS) !== wanted.mode) chmodSync(place, wanted.mode);
    if (wanted.kind === 'directory' && wanted.mtime) utimesSync(place, wanted.mtime, wanted.mtime);
  }
}

function isKnown(entry: ReadEntry): boolean {
  return entry.type === 'Link' || KINDS[entry.type] !== undefined;
}

function refused(archive: string, entry: string, why: string): UnpackError {
  return new UnpackError(archive, entry, `refusing to unpack ${archive}: the entry ${JSON.stringify(entry)} ${why}`);
}

function broken(archive: string, why: string, entry?: string, cause?: unknown): UnpackError {
  const where = entry === undefined ? '' : ` (at the entry ${JSON.stringify(entry)})`;
  return new UnpackError(archive, entry, `cannot unpack ${archive}: ${why}${where}`, cause);
}

/** What tar has to say, without its code and without the path of our temporary folder. */
function reasonOf(error: Error): string {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall) return `${syscall} failed with ${code}`;
  return error.message.replace(/^TAR_[A-Z_]+: /, '').replace(/^./, (letter) => letter.toLowerCase());
}
