// Builds the site: static pages that work from file://, with search and without a network.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { workshopRoot } from '../paths.ts';
import { layout } from './layout.ts';
import { linuxNames } from './linux-reference.ts';
import { type Page, render } from './markdown.ts';
import { sources } from './pages.ts';
import { searchIndex } from './search-index.ts';

/** Where the site is built unless somebody names another place. */
export const siteDirectory = path.join(workshopRoot, 'site');

/** A folder with this file in it was made by us, and may be emptied. */
const mark = '.boxwright-site';

/** The folder holds something else than a site: it is left alone. */
export class NotOurs extends Error {
  override name = 'NotOurs';
}

/**
 * Builds the whole site into a folder, which is made, or emptied where it holds an older site. Returns its pages.
 *
 * @throws Error naming the page and the link, where a link leads nowhere; NotOurs
 */
export function buildSite(directory: string): string[] {
  const all = sources();
  const known = { calls: new Set(linuxNames()), sources: all };
  const pages = all.map((source) => render(source, known));
  const files = new Map<string, string>([
    ...pages.map((page): [string, string] => [page.file, layout(page, pages)]),
    ['search-index.js', searchIndex(pages)],
    ['minisearch.js', miniSearch()],
    ...['style.css', 'icon.svg', 'theme.js', 'site.js'].map((name): [string, string] => [name, own(name)]),
    [mark, ''],
  ]);
  checkLinks(pages, files);
  empty(directory);
  for (const [name, text] of files) fs.writeFileSync(path.join(directory, name), text);
  return pages.map(({ file }) => file);
}

/** @throws Error naming a link to a page, or to a place in it, that is not there */
export function checkLinks(pages: readonly Pick<Page, 'file' | 'origin'>[], files: ReadonlyMap<string, string>): void {
  const ids = new Map([...files].map(([name, text]) => [name, idsIn(text)]));
  for (const { file, origin } of pages) {
    for (const [, address] of files.get(file)!.matchAll(/ (?:href|src)="([^"]*)"/g)) {
      if (/^https?:/.test(address!)) continue;
      const [target = '', hash] = address!.split('#');
      const found = ids.get(target === '' ? file : target);
      if (found === undefined || (hash !== undefined && !found.has(hash))) {
        throw new Error(`${origin}: it links to ${address}, which is not there`);
      }
    }
  }
}

function idsIn(html: string): Set<string> {
  return new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!));
}

/** @throws NotOurs where it holds something else than a site */
function empty(directory: string): void {
  fs.mkdirSync(directory, { recursive: true });
  const names = fs.readdirSync(directory);
  if (names.length > 0 && !names.includes(mark)) {
    throw new NotOurs(`${directory} holds other things than a site of ours, so it is left alone`);
  }
  for (const name of names) fs.rmSync(path.join(directory, name), { recursive: true });
}

function own(name: string): string {
  return fs.readFileSync(path.join(import.meta.dirname, name), 'utf8');
}

/** MiniSearch as a plain script, for the browser. */
function miniSearch(): string {
  const { resolve } = createRequire(import.meta.url);
  const script = fs.readFileSync(path.join(path.dirname(resolve('minisearch')), '../umd/index.js'), 'utf8');
  return script.replace(/^\/\/# sourceMappingURL.*$/m, '');
}
