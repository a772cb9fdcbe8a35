// A browser for the tests of the site: Chromium as Debian has it, without a window.
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Starts it. Close it afterwards. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

/** Tabs that work through a list of pages at the same time: as many as the tests' machine has processors. */
const TABS = 2;

/** Calls `look` with a tab that shows each of the pages, and returns what it found, in the order of `names`. */
export async function onEveryPage<Found>(
  context: BrowserContext,
  base: string,
  names: readonly string[],
  look: (tab: Page, name: string) => Promise<Found>,
): Promise<Found[]> {
  const found = new Map<string, Found>();
  const waiting = [...names];
  const work = async (): Promise<void> => {
    const tab = await context.newPage();
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await tab.goto(base + name);
      found.set(name, await look(tab, name));
    }
    await tab.close();
  };
  await Promise.all(Array.from({ length: TABS }, work));
  return names.map((name) => found.get(name)!);
}
