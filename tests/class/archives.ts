// Archives as students hand them in, and as somebody makes them who means harm.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar';
import { ZipFile } from 'yazl';

/** Files by name. */
export type Files = Record<string, string | Buffer>;

/** Puts files into a folder. */
export function writeFolder(folder: string, files: Files): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}

/** One entry of a tar, which may have any name. */
export type TarEntry = {
  path: string;
  content?: string | Buffer;
  type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory' | 'FIFO';
  linkpath?: string;
  /** What the header says, in place of the content's size. */
  size?: number;
};

/** A tar of these entries, as they are. See tar(5). */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ path: name, content = '', type = 'File', linkpath = '', size }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    new tar.Header({ path: name, type, linkpath, size: size ?? bytes.length, mode: 0o644, mtime: new Date(0) }).encode(
      header,
    );
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A tar of files. */
export function tarOfFiles(files: Files): Buffer {
  return tarOf(Object.entries(files).map(([name, content]) => ({ path: name, content })));
}

/** Writes a zip. @param options.mode of each file, its type included */
export async function writeZip(file: string, files: Files, options: { mode?: number } = {}): Promise<void> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(content), name, { mtime: new Date(0), mode: options.mode ?? 0o100644 });
  }
  zip.end();
  await pipeline(zip.outputStream, fs.createWriteStream(file));
}

/** Makes a git repository of a folder, with one commit, and a bundle of it. */
export function writeBundle(file: string, folder: string): void {
  const git = (...words: string[]): void => {
    execFileSync('git', ['-c', 'user.name=Student', '-c', 'user.email=student@example.org', ...words], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    });
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message=done');
  git('bundle', 'create', '--quiet', file, 'HEAD', 'main');
}

/** The forms in which a submission may come. */
export const forms = ['folder', 'tar', 'tgz', 'zip', 'bundle'] as const;
export type Form = (typeof forms)[number];

/** Hands files in under a student's name, in that form. */
export async function handIn(folder: string, student: string, files: Files, form: Form): Promise<void> {
  const place = path.join(folder, student);
  switch (form) {
    case 'folder':
      return writeFolder(place, files);
    case 'tar':
      return fs.writeFileSync(`${place}.tar`, tarOfFiles(files));
    case 'tgz':
      return fs.writeFileSync(`${place}.tar.gz`, gzipSync(tarOfFiles(files)));
    case 'zip':
      return await writeZip(`${place}.zip`, files);
    case 'bundle': {
      const checkout = path.join(folder, `.${student}`);
      writeFolder(checkout, files);
      writeBundle(`${place}.bundle`, checkout);
      fs.rmSync(checkout, { recursive: true });
    }
  }
}
