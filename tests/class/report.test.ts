// The report for the instructor, looked at in a browser: of a small class, and of three thousand.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHtmlReport, type ReportData } from '../../workshop/class/html-report.ts';
import { openFolder } from '../cli/command.ts';
import { openBrowser } from '../docs/browser.ts';
import { classOf } from './outcomes.ts';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let folder: ReturnType<typeof openFolder>;
beforeAll(async () => {
  folder = openFolder();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  folder[Symbol.dispose]();
});

describe.for([30, 3000])('%d students', (count) => {
  let data: ReportData;
  let file: string;
  beforeAll(() => {
    const report = openHtmlReport({ name: `a class of ${count}`, asked: null });
    for (const outcome of classOf(count)) report.add(outcome);
    file = path.join(folder.path, `${count}.html`);
    fs.writeFileSync(file, report.html());
    data = report.data();
  });

  async function look(scheme: 'light' | 'dark', at: (page: Page, troubles: string[]) => Promise<void>): Promise<void> {
    const context = await browser.newContext({
      colorScheme: scheme,
      viewport: { width: 1280, height: 900 },
      offline: true,
    });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => troubles.push(message.text()));
    page.on('request', (request) => request.url().startsWith('file:') || troubles.push(request.url()));
    page.on('dialog', (dialog) => void dialog.dismiss().then(() => troubles.push('a dialog')));
    await page.goto(pathToFileURL(file).href);
    await at(page, troubles);
    expect(troubles).toEqual([]);
    await context.close();
  }

  /** What is said of a cell when it is pointed at. */
  async function point(page: Page, row: number, column: number): Promise<string> {
    const place = await page.evaluate<{ x: number; y: number }>(`{
      const box = map.getBoundingClientRect();
      ({ x: box.left + columns[${column}] + 5, y: box.top + HEAD + ${row} * ROW + 8 });
    }`);
    await page.mouse.move(place.x, place.y);
    return (await page.textContent('#told'))!;
  }

  test('it says what there is, of every student and check', async () => {
    await look('light', async (page) => {
      expect(await page.title()).toBe(`Boxwright: grades of a class of ${count}`);
      expect(await page.textContent('#summary')).toContain(`${count} students; levels: `);
      expect(await page.textContent('#count')).toBe(`${count} of ${count} students`);
      const rows = await page.locator('#levels tbody tr').allTextContents();
      const tried = data.table.filter(({ passed, failed, other }) => passed + failed + other > 0);
      expect(rows).toHaveLength(tried.length);
      expect(rows[1]).toContain(`01-chroot${data.table[1]!.passed}${data.table[1]!.failed}${data.table[1]!.other}`);
      const mistakes = page.locator('#mistakes li');
      expect(await mistakes.count()).toBe(data.mistakes.length);
      expect(await mistakes.first().textContent()).toContain(`${data.mistakes[0]!.students} student`);
      expect(await mistakes.nth(20).isVisible()).toBe(false);
      await page.click('#more');
      expect(await mistakes.nth(20).isVisible()).toBe(true);
      expect(await mistakes.first().locator('code').textContent()).toBe('..');
      expect(await page.textContent('#mistakes')).not.toContain('`');
      // What a name looks like does not matter, and no name is markup.
      expect(await page.locator('main script, main b, main i').count()).toBe(0);
    });
  });

  test('the table: pointing, keys, looking for a name, and order', async () => {
    await look('light', async (page) => {
      await page.locator('#map').scrollIntoViewIfNeeded();
      const checks = data.levels.flatMap((level) => level.checks);
      const words: Record<string, string> = { p: 'passed', f: 'failed', b: 'blocked', '.': 'not handed in' };
      for (const [row, column] of [
        [1, 0],
        [1, 1],
        [2, 8],
        [3, 20],
        [12, 60],
      ] as const) {
        const { name, cells } = data.students[row]!;
        const said = await point(page, row, column);
        expect(said).toContain(`${name}: ${checks[column]!.id} ${checks[column]!.title}: ${words[cells[column]!]}`);
      }
      await page.focus('#map');
      for (let steps = 0; steps < 25; steps += 1) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowLeft');
      expect(await page.textContent('#told')).toContain(`${data.students[Math.min(12 + 25, count - 1)]!.name}: `);

      await page.fill('#find', 'STUDENT-0028');
      expect(await page.textContent('#count')).toBe(`1 of ${count} students`);
      expect(await point(page, 0, 0)).toContain('student-0028: 00.1');
      await page.fill('#find', '');
      await page.selectOption('#order', 'most');
      const best = data.students.toSorted((a, b) => passed(b) - passed(a))[0]!;
      expect(await point(page, 0, 0)).toContain(`${best.name}: 00.1`);
    });
  });

  test('at the end of the table the last student is shown', async () => {
    await look('light', async (page) => {
      await page.evaluate(() => document.getElementById('map')!.scrollTo(0, 1e9));
      await page.focus('#map');
      for (let pages = 0; pages <= count / 20; pages += 1) await page.keyboard.press('PageDown');
      expect(await page.textContent('#told')).toContain(`${data.students.at(-1)!.name}: `);
      expect(await coloursOnCanvas(page)).toBeGreaterThan(3);
    });
  });

  test.for(['light', 'dark'] as const)('%s: nothing sticks out, and everybody can use it', async (scheme) => {
    await look(scheme, async (page) => {
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      expect(await coloursOnCanvas(page)).toBeGreaterThan(3);
      await page.evaluate(axe);
      const found = await page.evaluate<string[]>(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
      );
      expect(found).toEqual([]);
      await page.setViewportSize({ width: 400, height: 700 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    });
  });

  /** How many different colours the table's cells have. */
  async function coloursOnCanvas(page: Page): Promise<number> {
    return await page.evaluate(() => {
      const canvas = document.getElementById('canvas') as HTMLCanvasElement;
      const { data: bytes } = canvas.getContext('2d')!.getImageData(250, 60, canvas.width - 250, canvas.height - 60);
      const times = new Map<number, number>();
      const pixels = new Uint32Array(bytes.buffer);
      for (const pixel of pixels) times.set(pixel, (times.get(pixel) ?? 0) + 1);
      return [...times.values()].filter((many) => many > 100).length;
    });
  }
});

function passed({ cells }: ReportData['students'][number]): number {
  return cells.split('p').length - 1;
}
