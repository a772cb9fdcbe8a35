// The search index: every section of every page, as MiniSearch keeps it.
import MiniSearch from 'minisearch';
import type { Page } from './markdown.ts';

/** MiniSearch's options; site.js reads the index with the same. */
export const searchFields = {
  fields: ['heading', 'page', 'text'],
  storeFields: ['address', 'page', 'heading', 'text'],
};

/** A script that hands over the index and its options: a page from file:// may load scripts and nothing else. */
export function searchIndex(pages: readonly Page[]): string {
  const index = new MiniSearch({ ...searchFields, tokenize: wordsOf });
  const sections = pages.flatMap(({ file, title, html }) =>
    html.split(/(?=<h[123] id=")/).map((part) => {
      const [whole = '', id = '', heading = ''] = /^<h[123] id="([^"]+)"[^>]*>(.*?)<\/h\d>/s.exec(part) ?? [];
      return {
        address: `${file}#${id}`,
        page: title,
        heading: plain(heading),
        text: plain(part.slice(whole.length)),
      };
    }),
  );
  index.addAll(sections.filter(({ heading }) => heading !== '').map((section, id) => ({ id, ...section })));
  return `window.boxwrightSearch = ${JSON.stringify({ options: searchFields, index })};\n`;
}

/** The words of a text. `pivot_root` is a word, and can also be found by its parts: `CLONE_NEWNS` by `newns`. */
function wordsOf(text: string): string[] {
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  return words.flatMap((word) => (word.includes('_') ? [word, ...word.split('_').filter(Boolean)] : [word]));
}

/** What a reader sees of some HTML, without its pictures' lines. The cells of a table have something between them. */
export function plain(html: string): string {
  return html
    .replaceAll(/<t([hd])\b[^>]*>\s*<\/t\1>\s*/g, '')
    .replaceAll(/<\/t[hd]>\s*<t[hd]\b[^>]*>/g, ' · ')
    .replaceAll(/<\/tr>(?=\s*(?:<\/thead>\s*<tbody>\s*)?<tr\b)/g, ' | ')
    .replaceAll(/<\/?(?:code|a|em|strong|span)\b[^>]*>/g, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
