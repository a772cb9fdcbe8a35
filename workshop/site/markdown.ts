// A page's markdown as HTML: code in colours, links between pages, figures that fit, and tables that scroll by
// themselves.
import fs from 'node:fs';
import path from 'node:path';
import hljs from 'highlight.js/lib/common';
import MarkdownIt, { type Token } from 'markdown-it';
import anchor from 'markdown-it-anchor';
import { workshopRoot } from '../paths.ts';
import { type Source, titleOf } from './pages.ts';

/** A heading of a page, as the list beside its text shows it. */
export type Heading = { level: number; id: string; title: string };

/** A page that is rendered. */
export type Page = Source & { title: string; html: string; headings: Heading[] };

/** What links are made of that nobody wrote: names of `#linux` that have a section, and the pages of levels. */
export type Known = { calls: ReadonlySet<string>; sources: readonly Source[] };

/** @throws Error naming the page and the link, where a link leads to nothing that is there */
export function render(source: Source, known: Known): Page {
  const markdown = new MarkdownIt({ html: true, linkify: false, highlight });
  const headings: Heading[] = [];
  markdown.use(anchor, {
    level: [1, 2, 3],
    tabIndex: false,
    slugify,
    callback: ({ tag }, { slug, title }) => headings.push({ level: Number(tag.slice(1)), id: slug, title }),
  });
  markdown.renderer.rules['code_inline'] = (tokens, index) =>
    `<code>${unbroken(escape(tokens[index]!.content))}</code>`;
  markdown.renderer.rules['table_open'] = () => '<div class="table"><table>\n';
  markdown.renderer.rules['table_close'] = () => '</table></div>\n';
  markdown.core.ruler.push('links', ({ tokens }) => {
    for (const [index, token] of tokens.entries()) {
      if (token.children === null) continue;
      const inHeading = tokens[index - 1]?.type === 'heading_open';
      token.children = linked(token.children, source, known, inHeading);
    }
  });
  const text = source.markdown.replaceAll(/<!-- (not )?run.*-->\n/g, '');
  const html = markdown.render(text).replaceAll(/<svg[\s\S]*?<\/svg>/g, figure);
  const title = titleOf(source).replaceAll('`', '');
  return { ...source, title, html, headings: headings.filter(({ level }) => level > 1) };
}

/** The tokens of a line of text with its links leading to pages of the site, and links added that go without saying. */
function linked(tokens: readonly Token[], source: Source, known: Known, inHeading: boolean): Token[] {
  let inLink = false;
  return tokens.flatMap((token, index) => {
    if (token.type === 'link_open') {
      inLink = true;
      const href = String(token.attrGet('href'));
      const page = pageOf(href, source, known.sources);
      // In the repository a link may show the name of the file; here the page has a better one.
      const words = tokens[index + 1];
      if (page !== undefined && words?.content === path.posix.basename(href)) words.content = titleOf(page);
      token.attrSet('href', page === undefined ? href : page.file + (/#.*/.exec(href)?.[0] ?? ''));
    }
    if (token.type === 'link_close') inLink = false;
    if (inLink || inHeading) return token;
    if (token.type === 'code_inline') {
      const [, name] = /^linux\.(\w+)/.exec(token.content) ?? [];
      return name !== undefined && known.calls.has(name) ? link(`linux.html#${slugify(name)}`, token) : token;
    }
    return token.type === 'text' ? levelsLinked(token, source, known.sources) : token;
  });
}

/** "level 03" in a sentence becomes a link to that lesson, where there is one. */
function levelsLinked(token: Token, source: Source, sources: readonly Source[]): Token[] {
  return token.content.split(/(\blevel \d\d\b)/i).flatMap((words) => {
    const part = Object.assign(Object.create(Object.getPrototypeOf(token) as object), token, {
      content: words,
    }) as Token;
    const number = /^level (\d\d)$/i.exec(words)?.[1];
    const lesson = sources.find(({ file }) => number !== undefined && file.startsWith(`lesson-${number}-`));
    return lesson === undefined || lesson === source ? part : link(lesson.file, part);
  });
}

function link(href: string, content: Token): Token[] {
  const Kind = content.constructor as typeof Token;
  const open = new Kind('link_open', 'a', 1);
  open.attrSet('href', href);
  return [open, content, new Kind('link_close', 'a', -1)];
}

/** The page that a link in another one leads to; undefined for the web and for places in the same page. */
function pageOf(href: string, source: Source, sources: readonly Source[]): Source | undefined {
  if (/^(https?:|#)/.test(href)) return undefined;
  const file = path.posix.join(path.posix.dirname(source.origin), href.replace(/#.*/, ''));
  const page = sources.find(({ origin }) => origin === file || origin === path.posix.join(file, 'README.md'));
  if (page !== undefined) return page;
  const reason = fs.existsSync(path.join(workshopRoot, file)) ? 'is no page of the site' : 'does not exist';
  throw new Error(`${source.origin}: it links to ${href}, which ${reason}`);
}

function figure(svg: string): string {
  // As wide as it was drawn, and no wider; on a narrow screen it is smaller.
  const width = /viewBox="[\d.-]+ [\d.-]+ ([\d.]+)/.exec(svg)?.[1];
  return `<div class="figure"${width === undefined ? '' : ` style="--width: ${width}px"`}>${svg}</div>`;
}

const languages: Readonly<Record<string, string>> = { sh: 'bash', ts: 'typescript', js: 'javascript', jsonc: 'json' };

/** What is inside of <code>. Of a terminal only the commands are marked, with class "command", for the button to copy. */
function highlight(code: string, language: string): string {
  if (language === 'console') {
    return escape(code).replaceAll(
      /^\$ (.*)$/gm,
      (_line, command: string) => `<span class="prompt">$ </span><span class="command">${unbroken(command)}</span>`,
    );
  }
  const name = languages[language] ?? language;
  return hljs.getLanguage(name) === undefined ? escape(code) : hljs.highlight(code, { language: name }).value;
}

/** Escaped text whose words do not break at a hyphen where the line ends; but one too long for a phone may. */
export function unbroken(text: string): string {
  return text.replaceAll(/(?<!\S)\S*-\S*/g, (word) => (word.length > 30 ? word : `<span class="word">${word}</span>`));
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** How the heading of that text is called in an address. */
export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_]+/gu, '-')
    .replaceAll(/^-|-$/g, '');
}
