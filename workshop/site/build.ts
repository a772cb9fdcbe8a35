// Builds the site: static pages that work from file://, with search and without a network.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import hljs from 'highlight.js/lib/common';
import MarkdownIt from 'markdown-it';
import anchor from 'markdown-it-anchor';
import MiniSearch from 'minisearch';
import { workshopRoot } from '../paths.ts';
import { layout, type Place } from './layout.ts';
import { type Source, sources } from './pages.ts';
import { searchFields } from './search-fields.ts';

/** A page that is rendered. */
type Page = Source & { title: string; html: string };

/**
 * Builds the whole site into a directory of its own, which is emptied first. Returns the names of its pages.
 *
 * @throws Error naming the page and the link, where a link leads nowhere
 */
export function buildSite(directory: string): string[] {
  const all = sources();
  const pages = all.map((source): Page => render(source, all));
  checkAnchors(pages);
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const places = pages.map(({ file, section, title }): Place => ({ file, section, title }));
  for (const page of pages) fs.writeFileSync(path.join(directory, page.file), layout(page.html, page, places));
  fs.writeFileSync(path.join(directory, 'search-index.js'), `window.searchIndex = ${searchIndex(pages)};\n`);
  for (const name of ['style.css', 'site.js'])
    fs.copyFileSync(path.join(import.meta.dirname, name), path.join(directory, name));
  const { resolve } = createRequire(import.meta.url);
  fs.copyFileSync(
    resolve('minisearch').replace(/[^/]+\/[^/]+$/, 'umd/index.js'),
    path.join(directory, 'minisearch.js'),
  );
  return pages.map(({ file }) => file);
}

function render(source: Source, all: readonly Source[]): Page {
  const markdown = new MarkdownIt({ html: true, linkify: false, highlight });
  markdown.use(anchor, { level: [1, 2, 3], slugify });
  // Wide tables scroll by themselves and not the page.
  markdown.renderer.rules['table_open'] = () => '<div class="table" tabindex="0"><table>\n';
  markdown.renderer.rules['table_close'] = () => '</table></div>\n';
  markdown.core.ruler.push('links', ({ tokens }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null;
      if (href !== null) token.attrSet('href', linkTo(String(href), source, all));
    }
  });
  const html = markdown.render(source.markdown.replaceAll(/<!-- (not )?run.*-->\n/g, ''));
  const title = /^# (.*)$/m.exec(source.markdown)?.[1] ?? source.file;
  return { ...source, title: title.replaceAll('`', ''), html };
}

/** The address in the site of what a link in a page's source leads to. @throws Error where that does not exist */
function linkTo(href: string, source: Source, all: readonly Source[]): string {
  if (/^(https?:|#)/.test(href)) return href;
  const [target = '', hash = ''] = href.split('#');
  const file = path.join(path.dirname(source.origin), target);
  const page = all.find(({ origin }) => origin === file || origin === path.join(file, 'README.md'));
  if (page !== undefined) return page.file + (hash === '' ? '' : `#${hash}`);
  throw new Error(`${source.origin}: the link to ${href} leads to no page of the site`);
}

/** @throws Error naming a link to a place that no page has */
function checkAnchors(pages: readonly Page[]): void {
  const ids = new Map(
    pages.map(({ file, html }) => [file, new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))]),
  );
  for (const { file, html, origin } of pages) {
    for (const [, target = '', hash] of html.matchAll(/href="([^"#]*)#([^"]+)"/g)) {
      if (/^https?:/.test(target)) continue;
      if (ids.get(target === '' ? file : target)?.has(hash!) !== true) {
        throw new Error(`${origin}: the link to ${target}#${hash} leads to a place that is not there`);
      }
    }
  }
}

function highlight(code: string, language: string): string {
  const names: Record<string, string> = { console: 'shell', sh: 'bash', ts: 'typescript' };
  const name = names[language] ?? language;
  // A terminal's output is left as it is: only the commands are marked.
  if (name === 'shell') {
    return escape(code).replaceAll(/^\$ .*$/gm, '<span class="command">$&</span>');
  }
  return hljs.getLanguage(name) === undefined ? escape(code) : hljs.highlight(code, { language: name }).value;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function slugify(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '');
}

/** An index over the sections of all pages, as MiniSearch stores it. */
function searchIndex(pages: readonly Page[]): string {
  const index = new MiniSearch(searchFields);
  const sections = pages.flatMap(({ file, title, html }) => {
    const parts = html.split(/(?=<h[123][^>]*id=")/);
    return parts.map((part) => {
      const [, id = '', heading = title] = /^<h[123][^>]*id="([^"]+)"[^>]*>(.*?)<\/h/s.exec(part) ?? [];
      return { address: `${file}#${id}`, page: title, heading: plain(heading), text: plain(part) };
    });
  });
  index.addAll(sections.filter(({ text }) => text !== '').map((section, id) => ({ id, ...section })));
  return JSON.stringify(index);
}

function plain(html: string): string {
  return html
    .replaceAll(/<svg[\s\S]*?<\/svg>/g, ' ')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Where the site is built unless somebody names another place. */
export const siteDirectory = path.join(workshopRoot, 'site');
