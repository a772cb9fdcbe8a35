// Files as the grader finds them: what an unpacked image holds, what a container was given in /dev.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** A file, looked at without following links. */
export type FoundFile = {
  /** Relative to where the search began: `rootfs/bin/sh`. */
  path: string;
  type: 'file' | 'directory' | 'link' | 'character-device' | 'block-device' | 'other';
  /** The permission bits. */
  mode: number;
  /** Whose it is, in numbers of the machine. */
  uid: number;
  gid: number;
  /** A link's target. */
  target: string | null;
  /** A device's numbers. */
  major: number | null;
  minor: number | null;
  inode: number;
  /** The size of a file's content; 0 for anything else. */
  bytes: number;
};

/**
 * All files below a directory; an empty list where there is none. Other filesystems mounted below are looked into.
 *
 * @param seen is given each file with what lstat(2) said of it
 */
export function filesBelow(top: string, seen?: (file: FoundFile, stat: fs.Stats) => void): FoundFile[] {
  const found: FoundFile[] = [];
  const visit = (relative: string): void => {
    for (const name of namesIn(`${top}/${relative}`)) {
      const below = relative === '' ? name : `${relative}/${name}`;
      const there = `${top}/${below}`;
      const stat = fs.lstatSync(there, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const file = described(there, below, stat);
      found.push(file);
      seen?.(file, stat);
      if (file.type === 'directory') visit(below);
    }
  };
  visit('');
  return found;
}

/** One file below `top`; null where there is none. */
export function foundFile(top: string, relative: string): FoundFile | null {
  const there = path.join(top, relative);
  const stat = fs.lstatSync(there, { throwIfNoEntry: false });
  return stat === undefined ? null : described(there, relative, stat);
}

function described(there: string, relative: string, stat: fs.Stats): FoundFile {
  const type = typeOf(stat);
  const device = type.endsWith('device');
  return {
    path: relative,
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    target: type === 'link' ? targetOf(there, stat) : null,
    // makedev(3)
    major: device ? (stat.rdev >> 8) & 0xfff : null,
    minor: device ? (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00) : null,
    inode: stat.ino,
    bytes: type === 'file' ? stat.size : 0,
  };
}

/** The names in a directory; an empty list where it cannot be read. */
export function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** A directory tree at one moment. */
export type Tree = {
  files: FoundFile[];
  /** Of each file's content, by path. */
  contents: Record<string, string>;
  /** Of all names, modes, owners, link targets and contents. */
  digest: string;
};

/** Reads a whole tree. */
export function readTree(top: string): Tree {
  const hash = createHash('sha256');
  const contents: Record<string, string> = {};
  const files = filesBelow(top, (file, stat) => {
    const { path: name, type, mode, target, major, minor, uid, gid } = file;
    hash.update(JSON.stringify([name, type, mode, uid, gid, target, major, minor]));
    if (type !== 'file') return;
    contents[name] = contentOf(`${top}/${name}`, stat);
    hash.update(contents[name]);
  });
  return { files, contents, digest: hash.digest('hex') };
}

/** What was read before of a link or file: an image has hundreds, and is looked at several times in a run. */
const known = new Map<string, string>();

/** Nobody in a testbed can set the clock, and so nobody can change one that then has the same times. */
function readOnce({ dev, ino, size, ctimeMs, birthtimeMs }: fs.Stats, read: () => string): string {
  const id = `${dev}:${ino}:${size}:${ctimeMs}:${birthtimeMs}`;
  let text = known.get(id);
  if (text === undefined) {
    text = read();
    known.set(id, text);
  }
  return text;
}

function targetOf(there: string, stat: fs.Stats): string {
  return readOnce(stat, () => fs.readlinkSync(there));
}

/** A digest of a file's content. */
function contentOf(there: string, stat: fs.Stats): string {
  return readOnce(stat, () => createHash('sha256').update(fs.readFileSync(there)).digest('hex'));
}

function typeOf(stat: fs.Stats): FoundFile['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isCharacterDevice()) return 'character-device';
  return stat.isBlockDevice() ? 'block-device' : 'other';
}
