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
  const files = filesBelow(top, ({ path: name, type, mode, target, major, minor }, { uid, gid }) => {
    hash.update(JSON.stringify([name, type, mode, uid, gid, target, major, minor]));
    if (type !== 'file') return;
    contents[name] = createHash('sha256')
      .update(fs.readFileSync(`${top}/${name}`))
      .digest('hex');
    hash.update(contents[name]);
  });
  return { files, contents, digest: hash.digest('hex') };
}

/** Targets of links that were read before: an image has hundreds, and is looked at several times in a run. */
const targets = new Map<string, string>();

/** A link's target never changes, and no two links have filesystem, inode and times in common. */
function targetOf(there: string, { dev, ino, ctimeMs, birthtimeMs }: fs.Stats): string {
  const id = `${dev}:${ino}:${ctimeMs}:${birthtimeMs}`;
  let target = targets.get(id);
  if (target === undefined) {
    target = fs.readlinkSync(there);
    targets.set(id, target);
  }
  return target;
}

function typeOf(stat: fs.Stats): FoundFile['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isCharacterDevice()) return 'character-device';
  return stat.isBlockDevice() ? 'block-device' : 'other';
}
