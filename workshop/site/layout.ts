// The frame around every page.

/** A page as navigation shows it. */
export type Place = { file: string; section: string; title: string };

/** The whole HTML of a page: its content, navigation with the page marked, and the way to the pages beside it. */
export function layout(content: string, here: Place, places: readonly Place[]): string {
  const index = places.findIndex(({ file }) => file === here.file);
  const [before, after] = [places[index - 1], places[index + 1]];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(here.title)} · Boxwright</title>
<link rel="stylesheet" href="style.css">
<script>document.documentElement.dataset.theme = localStorage.getItem('theme') ?? '';</script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header>
<a class="home" href="index.html">Boxwright</a>
<div class="search" role="search">
<input id="search" type="search" placeholder="Search  ( / )" aria-label="Search all pages" autocomplete="off" role="combobox" aria-expanded="false" aria-controls="results">
<ul id="results" hidden aria-label="Search results"></ul>
</div>
<button id="theme" type="button" aria-label="Light or dark">◐</button>
</header>
<div class="page">
<details class="menu" open>
<summary>Contents</summary>
<nav aria-label="Contents">
${navigation(here, places)}
</nav>
</details>
<main id="content" tabindex="-1">
<article>
${content}
</article>
<nav class="beside" aria-label="Pages beside this one">
${before === undefined ? '<span></span>' : `<a rel="prev" href="${before.file}">← ${escape(before.title)}</a>`}
${after === undefined ? '<span></span>' : `<a rel="next" href="${after.file}">${escape(after.title)} →</a>`}
</nav>
</main>
</div>
<script src="minisearch.js"></script>
<script src="search-index.js"></script>
<script src="site.js"></script>
</body>
</html>
`;
}

function navigation(here: Place, places: readonly Place[]): string {
  const sections = Object.entries(Object.groupBy(places, ({ section }) => section));
  return sections
    .map(([section, pages]) => {
      const items = pages!.map(({ file, title }) => {
        const current = file === here.file ? ' aria-current="page"' : '';
        return `<li><a href="${file}"${current}>${escape(title)}</a></li>`;
      });
      return `<h2>${section}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
    })
    .join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
