// The site as a reader has it, in a real browser: from its folder (file://) and from `npm run docs`.
import { on, once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa, type ResultPromise } from 'execa';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as linux from '#linux';
import { checksOf } from '../../workshop/checks.ts';
import { allLevels, levelFile } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { checkLinks } from '../../workshop/site/build.ts';
import { render } from '../../workshop/site/markdown.ts';
import { type Source, withChecks } from '../../workshop/site/pages.ts';
import { plain } from '../../workshop/site/search-index.ts';
import { onEveryPage, openBrowser } from './browser.ts';

const start = path.join(workshopRoot, 'workshop/cli/start.mjs');
const axe = fs.readFileSync(path.join(workshopRoot, 'node_modules/axe-core/axe.min.js'), 'utf8');

let folder: string;
let site: string;
let browser: Browser;
let fromFolder: string;
let served: ResultPromise<{ reject: false; lines: true }>;
let fromServer: string;
let pages: string[];

/** `npm run docs`, without npm around it. */
function docs(...words: string[]): ResultPromise<{ reject: false; lines: true }> {
  return execa(process.execPath, [start, 'docs', ...words], { reject: false, lines: true, cwd: folder });
}

/** What the command prints as its address, once it serves. @throws Error with what it complained of */
async function addressOf(command: typeof served): Promise<string> {
  let printed = '';
  for await (const text of on(command.stdout.setEncoding('utf8'), 'data', { close: ['end'] })) {
    printed += text;
    const [, address] = /^(http:\/\/\S+)/m.exec(printed) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error((await command).stderr.join('\n'));
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-site-'));
  site = path.join(folder, 'site');
  fromFolder = `${pathToFileURL(site).href}/`;
  served = docs('--out', site, '--port', '0');
  fromServer = await addressOf(served);
  pages = fs.readdirSync(site).filter((name) => name.endsWith('.html'));
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  served?.kill('SIGINT');
  await served;
  fs.rmSync(folder, { recursive: true });
});

describe.for(['its folder', 'the server'] as const)('from %s', (from) => {
  const base = (): string => (from === 'its folder' ? fromFolder : fromServer);

  test('every page loads without an error, from here alone, and is no wider than a narrow phone', async () => {
    await using context = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const complaints: string[] = [];
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    context.on('request', (request) => {
      if (!request.url().startsWith(base())) complaints.push(`asks for ${request.url()}`);
    });
    context.on('response', (response) => {
      if (from === 'the server' && response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
    const widths = await onEveryPage(context, base(), pages, async (tab, name) => {
      await tab.locator('#search').focus();
      await tab.locator('details').evaluateAll((all) => all.forEach((folded) => folded.setAttribute('open', '')));
      return { name, width: await tab.evaluate(() => document.documentElement.scrollWidth) };
    });
    expect(complaints).toEqual([]);
    expect(widths.filter(({ width }) => width > 360)).toEqual([]);
    expect(pages.length).toBeGreaterThan(10);
  });

  test('light and dark: as the system has it, until somebody chooses, and then as chosen on every page', async () => {
    await using context = await browser.newContext({ colorScheme: 'dark' });
    const tab = await context.newPage();
    const paper = (): Promise<string> => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await tab.goto(`${base()}index.html`);
    const dark = await paper();
    const button = tab.getByRole('button', { name: 'Dark colours' });
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    await button.click();
    const light = await paper();
    expect(light).not.toBe(dark);
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await tab.goto(`${base()}linux.html`);
    expect(await paper()).toBe(light);
    await button.click();
    await tab.reload();
    expect(await paper()).toBe(dark);
  });

  test('the keyboard searches: /, words, arrows, Enter, Escape', async () => {
    await using context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(`${base()}index.html`);
    await tab.keyboard.press('/');
    await tab.keyboard.type('pivot_root');
    const hits = tab.locator('#found a');
    await hits.first().waitFor();
    await tab.keyboard.press('ArrowDown');
    await tab.keyboard.press('ArrowDown');
    expect(await focused(tab)).toBe(await hits.nth(1).getAttribute('href'));
    await tab.keyboard.press('ArrowUp');
    expect(await focused(tab)).toBe(await hits.nth(0).getAttribute('href'));
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/linux\.html#pivot_root$/);
    await tab.keyboard.press('/');
    await tab.keyboard.type('zzzzzz');
    await tab.getByText('Nothing found.').waitFor();
    await tab.keyboard.press('Escape');
    // A browser may clear the field by itself, but not from one of the places found.
    await tab.keyboard.press('/');
    await tab.keyboard.type('mount');
    await hits.first().waitFor();
    await tab.keyboard.press('ArrowDown');
    await tab.keyboard.press('Escape');
    expect(await tab.locator('#found').isHidden()).toBe(true);
    expect(await tab.locator('#search').inputValue()).toBe('');
  });
});

test('all links lead to a page and a place that are there', async () => {
  await using context = await browser.newContext();
  const found = await onEveryPage(context, fromFolder, pages, (tab, name) =>
    tab.evaluate(
      (page) => ({
        name: page,
        ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
        links: [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].map(({ href }) => href),
      }),
      name,
    ),
  );
  const places = new Set(found.flatMap(({ name, ids }) => [name, ...ids.map((id) => `${name}#${id}`)]));
  const links = found.flatMap(({ name, links: hrefs }) => hrefs.map((href) => ({ name, href })));
  const broken = links.filter(({ href }) => {
    const place = decodeURI(href.slice(fromFolder.length));
    return href.startsWith('file:') ? !places.has(place) : !href.startsWith('https://');
  });
  expect(broken).toEqual([]);
  expect(links.length).toBeGreaterThan(200);
});

test('the search finds every page by a word that only it has, and every section by its heading', async () => {
  await using context = await browser.newContext();
  const texts = await onEveryPage(context, fromFolder, pages, (tab, name) =>
    tab.locator('article').evaluate((article, page) => {
      const text = article.cloneNode(true) as Element;
      // The lines in a picture stand side by side, with nothing between their words.
      for (const picture of text.querySelectorAll('svg')) picture.remove();
      return {
        page,
        words: text.textContent.toLowerCase().match(/\b[a-z]{6,}\b/g) ?? [],
        headings: [...text.querySelectorAll('h1, h2, h3')].map(({ id, textContent }) => ({ id, textContent })),
      };
    }, name),
  );
  const tab = await context.newPage();
  await tab.goto(`${fromFolder}index.html`);
  for (const { page, words } of texts) {
    const others = new Set(texts.filter((other) => other.page !== page).flatMap((other) => other.words));
    const own = words.find((word) => !others.has(word));
    await tab.locator('#search').fill(own!);
    await expect
      .poll(() => tab.locator(`#found a[href^="${page}"]`).count(), { message: `${own} of ${page}` })
      .not.toBe(0);
  }
  const lost = await tab.evaluate(
    async (all) => {
      type Place = { address: string; queryTerms: string[] };
      // The functions of site.js.
      const { loadIndex, wordsSought, placesWith } = window as unknown as {
        loadIndex(): Promise<object>;
        wordsSought(query: string): string[];
        placesWith(words: string[], index: object): Place[];
      };
      const index = await loadIndex();
      const sections = all.flatMap(({ page, headings }) =>
        headings.map(({ id, textContent }) => ({ address: `${page}#${id}`, textContent })),
      );
      return sections.filter(({ address, textContent }) => {
        const words = wordsSought(textContent);
        const withAll = placesWith(words, index).filter(({ queryTerms }) => queryTerms.length === words.length);
        return !withAll.some((place) => place.address === address);
      });
    },
    texts.map(({ page, headings }) => ({ page, headings })),
  );
  expect(lost).toEqual([]);
});

test.for([
  { query: 'ctrl-c', marks: ['ctrl'], first: 'Observe' },
  { query: 'what is a zombie', marks: ['zombie'], first: 'How a process begins and ends' },
  { query: 'pivot_root', marks: ['pivot_root'], first: 'pivot_root' },
  { query: 'the CPU shares', marks: ['cpu', 'shares'], first: 'CPU' },
  { query: 'newns', marks: ['newns'], first: 'What is left for you to know' },
  // Spelt nearly like that.
  { query: 'namspaces', marks: ['namespaces'], first: 'Namespaces' },
])('a search for "$query" marks that and nothing else', async ({ query, marks, first }) => {
  await using context = await browser.newContext();
  const tab = await context.newPage();
  await tab.goto(`${fromFolder}index.html`);
  await tab.locator('#search').fill(query);
  const places = tab.locator('#found a');
  await places.first().waitFor();
  expect.soft(await places.first().locator('strong').textContent()).toBe(first);
  const marked = await tab.locator('#found mark').allTextContents();
  expect(new Set(marked.map((text) => text.toLowerCase()))).toEqual(new Set(marks));
  // Each place shows why it was found.
  for (const place of await places.all()) expect(await place.locator('mark').count()).toBeGreaterThan(0);
});

test('an excerpt keeps the cells of a table apart', () => {
  const table = '<div><table>\n<thead>\n<tr>\n<th></th>\n<th>v2</th>\n<th>v1</th>\n</tr>\n</thead>\n<tbody>\n';
  const row = '<tr>\n<td>who is in it</td>\n<td><code>cgroup.procs</code></td>\n<td>the same</td>\n</tr>\n';
  const html = `<p>So:</p>\n${table}${row}</tbody>\n</table></div>\n<p>After.</p>`;
  expect(plain(html)).toBe('So: v2 · v1 | who is in it · cgroup.procs · the same After.');
});

describe('on a phone', () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

  test('no option is broken at a hyphen where a line ends', async () => {
    await using context = await browser.newContext(phone);
    const broken = await onEveryPage(context, fromFolder, pages, async (tab, name) => {
      await tab.locator('details').evaluateAll((all) => all.forEach((folded) => folded.setAttribute('open', '')));
      const words = await tab
        .locator('.word')
        .evaluateAll((all) =>
          all.filter((word) => word.getClientRects().length > 1).map(({ textContent }) => textContent),
        );
      return words.map((word) => ({ name, word }));
    });
    expect(broken.flat()).toEqual([]);
    const tab = await context.newPage();
    await tab.goto(`${fromFolder}lesson-05-uts-namespace.html`);
    const words = await tab.locator('.command .word').allTextContents();
    expect(words).toContain('--solution');
  });

  test('drawings are no wider than the screen, and a wide table has a shadow at its edge', async () => {
    await using context = await browser.newContext(phone);
    const cut = await onEveryPage(context, fromFolder, pages, async (tab, name) => {
      const wide = await tab
        .locator('.figure')
        .evaluateAll((all) =>
          all.filter(
            (drawing) => drawing.scrollWidth > drawing.clientWidth || drawing.getBoundingClientRect().right > 390,
          ),
        );
      return wide.map(() => name);
    });
    expect(cut.flat()).toEqual([]);
    const tab = await context.newPage();
    await tab.goto(`${fromFolder}handbook-cgroups.html`);
    const background = await tab
      .locator('.table')
      .first()
      .evaluate((table) => getComputedStyle(table).background);
    expect(background).toMatch(/linear-gradient.*scroll/);
  });

  test('the button to copy covers no text, and takes no line of its own', async () => {
    await using context = await browser.newContext(phone);
    const bad = await onEveryPage(context, fromFolder, pages, async (tab, name) => {
      const blocks = await tab.locator('.code').evaluateAll((all) =>
        all
          .filter((block) => block.getClientRects().length > 0)
          .map((block) => {
            const text = block.querySelector('code')!.getBoundingClientRect();
            const button = block.querySelector('.copy')!.getBoundingClientRect();
            return { room: text.top - block.getBoundingClientRect().top, covered: button.bottom - text.top };
          }),
      );
      return blocks.filter(({ room, covered }) => room > 24 || covered > 0).map((block) => ({ name, ...block }));
    });
    expect(bad.flat()).toEqual([]);
  });

  test('nobody is told to press a key', async () => {
    await using context = await browser.newContext(phone);
    const tab = await context.newPage();
    await tab.goto(`${fromFolder}index.html`);
    expect(await tab.getByText('to search in all pages').isVisible()).toBe(false);
    await using desk = await browser.newContext();
    const other = await desk.newPage();
    await other.goto(`${fromFolder}index.html`);
    expect(await other.getByText('to search in all pages').isVisible()).toBe(true);
  });
});

test.for(['light', 'dark'] as const)('axe finds nothing serious, %s', async (colorScheme) => {
  await using context = await browser.newContext({ colorScheme });
  const violations = await onEveryPage(context, fromFolder, pages, async (tab, name) => {
    await tab.locator('details').evaluateAll((all) => all.forEach((folded) => folded.setAttribute('open', '')));
    await tab.evaluate(axe);
    // Colours are all that differs in the dark.
    const rules = colorScheme === 'dark' ? ['color-contrast'] : undefined;
    const results = await tab.evaluate(async (only) => {
      type Rule = { id: string; impact: string; nodes: { html: string }[] };
      const { axe: loaded } = window as unknown as { axe: { run(options: object): Promise<{ violations: Rule[] }> } };
      const options = only === undefined ? {} : { runOnly: only };
      return (await loaded.run({ ...options, resultTypes: ['violations'] })).violations;
    }, rules);
    return results
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => ({ name, id, where: nodes.map(({ html }) => html).slice(0, 3) }));
  });
  expect(violations.flat()).toEqual([]);
});

test('an open search has no serious violation either', async () => {
  await using context = await browser.newContext({ colorScheme: 'dark' });
  const tab = await context.newPage();
  await tab.goto(`${fromFolder}index.html`);
  await tab.locator('#search').fill('mount');
  await tab.locator('#found a').first().waitFor();
  await tab.evaluate(axe);
  const serious = await tab.evaluate(async () => {
    type Rule = { id: string; impact: string };
    const { axe: loaded } = window as unknown as { axe: { run(): Promise<{ violations: Rule[] }> } };
    const { violations } = await loaded.run();
    return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id }) => id);
  });
  expect(serious).toEqual([]);
});

test('the reference lists everything that #linux exports', async () => {
  await using context = await browser.newContext();
  const tab = await context.newPage();
  await tab.goto(`${fromFolder}linux.html`);
  const listed = await tab.locator('h3 code, td:first-child code').allTextContents();
  const types = [...fs.readFileSync(path.join(workshopRoot, 'linux/index.ts'), 'utf8').matchAll(/\btype (\w+)/g)];
  const names = [...Object.keys(linux), ...types.map(([, name]) => name!)];
  expect(names.filter((name) => !listed.includes(name))).toEqual([]);
  expect(names.length).toBeGreaterThan(60);
});

test('the button copies the commands of a terminal, and nothing else of it', async () => {
  await using context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const tab = await context.newPage();
  await tab.goto(`${fromServer}lesson-00-fork-exec.html`);
  for (const { shows, copied } of [
    { shows: 'exec echo hello', copied: "sh -c 'exec echo hello; echo after'" },
    { shows: 'waitpid(0, 0) failed', copied: 'npm run -s box -- level-00 run no-such-command' },
  ]) {
    const block = tab.locator('.code', { hasText: shows });
    await block.hover();
    await block.getByRole('button', { name: 'Copy' }).click();
    await block.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await tab.evaluate(() => navigator.clipboard.readText())).toBe(copied);
  }
});

test('a lesson says how it is checked in the words of its grader', async () => {
  for (const level of allLevels()) {
    const html = fs.readFileSync(path.join(site, `lesson-${level.name}.html`), 'utf8');
    const checks = checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8'));
    expect(checks.length).toBeGreaterThan(0);
    for (const { id } of checks) expect(html).toContain(`<strong>${id}</strong>`);
  }
});

test('without scripts everything can be read and reached', async () => {
  await using context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  const tab = await context.newPage();
  await tab.goto(`${fromFolder}index.html`);
  await tab.getByRole('navigation', { name: 'Contents' }).getByRole('link', { name: 'Namespaces' }).click();
  expect(await tab.locator('h1').textContent()).toBe('Namespaces');
});

describe('the build fails', () => {
  const source = (markdown: string): Source => ({ file: 'x.html', section: 'Handbook', origin: 'docs/x.md', markdown });
  const build = (markdown: string): unknown => render(source(markdown), { calls: new Set(), sources: [] });

  test.for([
    { what: 'a link to a file that does not exist', markdown: '# X\n\n[a](nowhere.md)', says: 'does not exist' },
    { what: 'a link to a file that is no page', markdown: '# X\n\n[a](../LICENSE)', says: 'is no page' },
    { what: 'a page without a title', markdown: 'X', says: 'begins with a title' },
  ])('$what', ({ markdown, says }) => {
    expect(() => build(markdown)).toThrow(says);
  });

  test('a link to a place that is not there', () => {
    const files = new Map([['x.html', '<h1 id="x">X</h1><a href="#y">y</a>']]);
    expect(() => checkLinks([{ file: 'x.html', origin: 'docs/x.md' }], files)).toThrow('docs/x.md: it links to #y');
    files.set('x.html', '<h1 id="x">X</h1><a href="#x">x</a><img src="picture.png">');
    expect(() => checkLinks([{ file: 'x.html', origin: 'docs/x.md' }], files)).toThrow('picture.png');
  });

  test('a lesson without "How it is checked"', () => {
    expect(() => withChecks('# Level 01: x\n\n## Checks\n', 'levels/01-x/README.md', [])).toThrow(
      'levels/01-x/README.md: a lesson needs the heading "## How it is checked"',
    );
  });
});

describe('npm run docs', () => {
  test.for([
    { words: ['now'], says: 'docs takes no words, only options' },
    { words: ['--port', 'http'], says: '--port takes a number from 0 to 65535, not "http"' },
    { words: ['--port', '70000'], says: '--port takes a number from 0 to 65535, not "70000"' },
    { words: ['--out', ''], says: '--out needs a folder' },
  ])('$words: status 2', async ({ words, says }) => {
    const { exitCode, stderr } = await docs(...words);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: [says, expect.stringMatching(/^Usage: /)] });
  });

  test('a folder with other things in it is left alone', async () => {
    const other = path.join(folder, 'other');
    fs.mkdirSync(other);
    fs.writeFileSync(path.join(other, 'thesis.txt'), '');
    const { exitCode, stderr } = await docs('--build', '--out', other);
    expect(exitCode).toBe(2);
    expect(stderr[0]).toContain('is left alone');
    expect(fs.readdirSync(other)).toEqual(['thesis.txt']);
  });

  test('a port that is taken: status 3, and what to do', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { exitCode, stderr } = await docs('--out', path.join(folder, 'second'), '--port', String(port));
    taken.close();
    expect(exitCode).toBe(3);
    expect(stderr).toEqual([
      `Not ready: another program uses port ${port}: name another one with --port, or 0 for any`,
    ]);
  });
});

/** The address of the link that has the focus. */
function focused(tab: Page): Promise<string | null> {
  return tab.evaluate(() => document.activeElement!.getAttribute('href'));
}
