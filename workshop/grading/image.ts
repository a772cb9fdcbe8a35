// The image busybox as its archive has it, for comparison with what a program made of it.
import fs from 'node:fs';
import * as tar from 'tar';
import { imagePath } from '../images/image.ts';
import type { FoundFile, Tree } from './files.ts';

/** What must be at one path once the image is unpacked. */
export type ImageFile = Pick<FoundFile, 'path' | 'type' | 'target'>;

const kinds: Partial<Record<tar.ReadEntry['type'], FoundFile['type']>> = {
  Directory: 'directory',
  File: 'file',
  Link: 'file',
  SymbolicLink: 'link',
};

/** The image's files, without its device nodes. */
export function imageFiles(): ImageFile[] {
  const files: ImageFile[] = [];
  tar.list({
    file: imagePath('busybox'),
    sync: true,
    onReadEntry({ path, type, linkpath }) {
      const kind = kinds[type];
      if (kind === undefined) return;
      files.push({ path: path.replace(/\/$/, ''), type: kind, target: kind === 'link' ? linkpath! : null });
    },
  });
  return files;
}

/** What is not in a tree as the image has it: the image's own description, and what was found in its place. */
export function differences(tree: Tree): { wanted: ImageFile; found: FoundFile | undefined }[] {
  const found = new Map(tree.files.map((file) => [file.path, file]));
  return imageFiles()
    .map((wanted) => ({ wanted, found: found.get(wanted.path) }))
    .filter(({ wanted, found }) => found?.type !== wanted.type || found.target !== wanted.target);
}

const BLOCK_BYTES = 512;

/**
 * The image's archive, whole, and cut off within a file. It is ordered so that the part before the cut looks like an
 * image: all but /sbin and /usr.
 */
export function archives(): { whole: Buffer; cut: Buffer } {
  const entries = rawEntries(fs.readFileSync(imagePath('busybox')));
  const late = entries.filter(({ name }) => /^(sbin|usr)\//.test(name));
  const last = entries.filter(({ name }) => name === 'etc/passwd');
  const early = entries.filter((entry) => !late.includes(entry) && !last.includes(entry));
  const join = (list: typeof entries): Buffer => Buffer.concat(list.map(({ blocks }) => blocks));
  const end = Buffer.alloc(2 * BLOCK_BYTES);
  return {
    whole: Buffer.concat([join([...early, ...last, ...late]), end]),
    cut: Buffer.concat([join(early), join(last).subarray(0, BLOCK_BYTES + 1)]),
  };
}

/** The entries of a plain archive, each with its blocks: a header, then the content. See tar(5). */
function rawEntries(archive: Buffer): { name: string; blocks: Buffer }[] {
  const entries: { name: string; blocks: Buffer }[] = [];
  for (let from = 0; archive[from] !== 0;) {
    const { path, size = 0 } = new tar.Header(archive, from);
    const to = from + BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    entries.push({ name: path!, blocks: archive.subarray(from, to) });
    from = to;
  }
  return entries;
}
