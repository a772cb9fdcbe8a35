// The frame around every page.
import { escape, type Page, slugify } from './markdown.ts';

/** The whole HTML of a page: its content, navigation with the page marked, and the way to the pages beside it. */
export function layout(page: Page, pages: readonly Page[]): string {
  const index = pages.indexOf(page);
  const [before, after] = [pages[index - 1], pages[index + 1]];
  const title = page.file === 'index.html' ? 'Boxwright' : `${escape(page.title)} · Boxwright`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script src="theme.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header class="top">
<button class="contents" type="button" aria-expanded="false" aria-controls="contents"><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M2 4h12M2 8h12M2 12h12" stroke="currentColor" stroke-width="1.5"/></svg><span>Contents</span></button>
<a class="home" href="index.html"><svg viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M3 3h18v18H3z"/><path d="M9 9h6v6H9z" fill="currentColor"/></svg>Boxwright</a>
<form class="search" role="search">
<input type="search" id="search" placeholder="Search" aria-label="Search all pages" autocomplete="off" spellcheck="false" aria-keyshortcuts="/" aria-controls="found">
<kbd aria-hidden="true">/</kbd>
<div id="found" hidden><p role="status"></p><ul></ul></div>
</form>
<button class="theme" type="button" aria-label="Dark colours" aria-pressed="false"><svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true"><circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor"/></svg></button>
</header>
<div class="page">
<nav id="contents" aria-label="Contents">
${navigation(page, pages)}
</nav>
<main id="content" tabindex="-1">
<article>
${page.html}
</article>
<nav class="beside" aria-label="Pages beside this one">
${before === undefined ? '' : `<a rel="prev" href="${before.file}"><span>Previous</span> ${escape(before.title)}</a>`}
${after === undefined ? '' : `<a rel="next" href="${after.file}"><span>Next</span> ${escape(after.title)}</a>`}
</nav>
</main>
${outline(page)}
</div>
<script src="site.js"></script>
</body>
</html>
`;
}

function navigation(here: Page, pages: readonly Page[]): string {
  const sections = Object.entries(Object.groupBy(pages, ({ section }) => section));
  return sections
    .map(([section, members]) => {
      const items = members!.map((page) => {
        const current = page === here ? ' aria-current="page"' : '';
        return `<li><a href="${page.file}"${current}>${short(page)}</a></li>`;
      });
      const id = `contents-${slugify(section)}`;
      return `<p id="${id}">${section}</p>\n<ul aria-labelledby="${id}">\n${items.join('\n')}\n</ul>`;
    })
    .join('\n');
}

/** "Level 01: a root directory of its own" or "Bonus: …" without its first word, which the heading above says. */
function short({ title }: Page): string {
  const [, number, rest] = /^(?:Level (\d\d)|Bonus): (.*)$/.exec(title) ?? [];
  if (rest !== undefined && number === undefined) return escape(rest);
  return number === undefined ? escape(title) : `<span class="number">${number}</span> ${escape(rest!)}`;
}

/** The page's own sections, where there are enough of them to get lost in. */
function outline({ headings, section }: Page): string {
  const shown = headings.filter(({ level }) => level === 2 || section === 'Reference');
  if (shown.length < 3) return '<div></div>';
  const items = shown.map(
    ({ level, id, title }) => `<li class="level-${level}"><a href="#${id}">${escape(title)}</a></li>`,
  );
  return `<nav class="outline" aria-label="On this page">\n<p>On this page</p>\n<ul>\n${items.join('\n')}\n</ul>\n</nav>`;
}
