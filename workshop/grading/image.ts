// The image busybox as its archive has it, for comparison with what a program made of it.
import fs from 'node:fs';
import * as tar from 'tar';
import { imagePath } from '../images/image.ts';
import type { FoundFile, Tree } from './files.ts';

/** What must be at one path once the image is unpacked. */
export type ImageFile = Pick<FoundFile, 'path' | 'type' | 'target'>;

const kinds: Partial<Record<tar.Header['type'], FoundFile['type']>> = {
  Directory: 'directory',
  File: 'file',
  Link: 'file',
  SymbolicLink: 'link',
};

let known: readonly ImageFile[] | undefined;

/** The image's files, without its device nodes. */
export function imageFiles(): readonly ImageFile[] {
  known ??= filesOf(rawEntries(fs.readFileSync(imagePath('busybox'))));
  return known;
}

/**
 * What is not in a tree as an image has it: the image's own description, and what was found in its place.
 *
 * @param image its files, where it is not busybox
 */
export function differences(tree: Tree, image = imageFiles()): { wanted: ImageFile; found: FoundFile | undefined }[] {
  const found = new Map(tree.files.map((file) => [file.path, file]));
  return image
    .map((wanted) => ({ wanted, found: found.get(wanted.path) }))
    .filter(({ wanted, found }) => found?.type !== wanted.type || found.target !== wanted.target);
}

const BLOCK_BYTES = 512;

/** The commands that are in a small image. */
const fewLinks = /^bin\/(sh|true)$|^s?bin\/[a-c][^/]*$|^usr\/s?bin\/[a-c][^/]*$/;

/**
 * The archive of an image as busybox is one, with fewer commands: whole, and cut off within a file. It is ordered so that
 * the part before the cut looks like an image: all but /sbin and /usr.
 */
export function smallArchive(): { whole: Buffer; cut: Buffer; files: readonly ImageFile[] } {
  const all = rawEntries(fs.readFileSync(imagePath('busybox')));
  const entries = all.filter(({ name, type }) => type !== 'SymbolicLink' || fewLinks.test(name));
  const late = entries.filter(({ name }) => /^(sbin|usr)\//.test(name));
  const last = entries.filter(({ name }) => name === 'etc/passwd');
  const early = entries.filter((entry) => !late.includes(entry) && !last.includes(entry));
  const join = (list: typeof entries): Buffer => Buffer.concat(list.map(({ blocks }) => blocks));
  const end = Buffer.alloc(2 * BLOCK_BYTES);
  return {
    whole: Buffer.concat([join([...early, ...last, ...late]), end]),
    cut: Buffer.concat([join(early), join(last).subarray(0, BLOCK_BYTES + 1)]),
    files: filesOf(entries),
  };
}

/** An entry of a plain archive with its blocks: a header, then the content. See tar(5). */
type RawEntry = { name: string; type: tar.Header['type']; target: string; blocks: Buffer };

function rawEntries(archive: Buffer): RawEntry[] {
  const entries: RawEntry[] = [];
  for (let from = 0; archive[from] !== 0;) {
    const { path, type, linkpath = '', size = 0 } = new tar.Header(archive, from);
    const to = from + BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    entries.push({ name: path!, type, target: linkpath, blocks: archive.subarray(from, to) });
    from = to;
  }
  return entries;
}

function filesOf(entries: readonly RawEntry[]): ImageFile[] {
  return entries.flatMap(({ name, type, target }) => {
    const kind = kinds[type];
    if (kind === undefined) return [];
    return [{ path: name.replace(/\/$/, ''), type: kind, target: kind === 'link' ? target : null }];
  });
}
