// What the site is made of: lessons, the handbook, and the reference of `linux`, each from its one source.
import fs from 'node:fs';
import path from 'node:path';
import { type CheckName, checksOf } from '../checks.ts';
import { errnoMeanings } from '../errno.ts';
import { allLevels, levelFile } from '../levels.ts';
import { workshopRoot } from '../paths.ts';
import { linuxReference } from './linux-reference.ts';

/** A page before it is rendered. */
export type Source = {
  /** Its file in the site: `lesson-01-chroot.html`. The site is flat, so that links work from file:// as well. */
  file: string;
  section: 'Start' | 'Lessons' | 'Bonus lessons' | 'Your machine' | 'Handbook' | 'Reference';
  /** Where its text comes from, relative to the checkout: links in it are relative to that. */
  origin: string;
  markdown: string;
};

/** The handbook's pages, in the order in which one would read them; others in docs/ follow by name. */
const handbookOrder = [
  'vm',
  'vm-virtualbox',
  'vm-apple-silicon',
  'vm-windows',
  'vm-libvirt',
  'vm-none',
  'processes-and-files',
  'namespaces',
  'mounts',
  'overlay',
  'cgroups',
  'users',
  'node-and-fork',
  'errno',
  'troubleshooting',
  'glossary',
  'instructors',
  'grading-a-class',
];

/** All pages, in reading order. @throws Error naming a lesson without the heading under which its checks go */
export function sources(): Source[] {
  const lessons = allLevels().map((level): Source => {
    const origin = `levels/${level.name}/README.md`;
    const checks = checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8'));
    return {
      file: `lesson-${level.name}.html`,
      section: level.bonus ? 'Bonus lessons' : 'Lessons',
      origin,
      markdown: withChecks(read(origin), origin, checks),
    };
  });
  const pages = handbook().map((name): Source => {
    const origin = `docs/${name}.md`;
    const markdown = read(origin).replace('<!-- errno table -->', errnoTable);
    const section = name.startsWith('vm') ? 'Your machine' : 'Handbook';
    return { file: `handbook-${name}.html`, section, origin, markdown };
  });
  const start = 'workshop/site/start.md';
  const markdown = read(start)
    .replace('<!-- lessons -->', () => listOf(lessons))
    .replace('<!-- handbook -->', () => listOf(pages));
  return [
    { file: 'index.html', section: 'Start', origin: start, markdown },
    ...lessons,
    ...pages,
    { file: 'linux.html', section: 'Reference', origin: 'linux/index.ts', markdown: linuxReference() },
  ];
}

/** The names of the handbook's pages. */
function handbook(): string[] {
  const names = fs
    .readdirSync(path.join(workshopRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, -'.md'.length));
  const place = (name: string): number => (handbookOrder.includes(name) ? handbookOrder.indexOf(name) : Infinity);
  return names.sort((one, other) => place(one) - place(other) || one.localeCompare(other));
}

/** The lesson with the grader's own list of checks at the end of "How it is checked". @throws Error without it */
export function withChecks(lesson: string, origin: string, checks: readonly CheckName[]): string {
  const heading = /^## How it is checked$/m.exec(lesson);
  if (heading === null) throw new Error(`${origin}: a lesson needs the heading "## How it is checked"`);
  const next = lesson.indexOf('\n## ', heading.index + 1);
  const end = next === -1 ? lesson.length : next;
  const list = checks.map(({ id, title }) => `- **${id}** ${literally(title)}`).join('\n');
  return `${lesson.slice(0, end).trimEnd()}\n\nThe checks, as the grader has them:\n\n${list}\n${lesson.slice(end)}`;
}

/** What an error means in each call, as `npm run trace` explains it. */
function errnoTable(): string {
  const rows = errnoMeanings().map(
    ({ call, code, meaning }) => `| \`${call}\` | \`${code}\` | ${literally(meaning)} |`,
  );
  return ['| call | error | what it usually means |', '| --- | --- | --- |', ...rows].join('\n');
}

function listOf(pages: readonly Source[]): string {
  return pages.map((page) => `- [${titleOf(page)}](../../${page.origin})`).join('\n');
}

/** A page's first heading, as it is written. @throws Error where it has none */
export function titleOf({ markdown, origin }: Source): string {
  const [, title] = /^# (.*)$/m.exec(markdown) ?? [];
  if (title === undefined) throw new Error(`${origin}: a page begins with a title: "# …"`);
  return title;
}

/** Plain text as markdown that looks just like it. */
function literally(text: string): string {
  return text.replaceAll(/[*_`<[\\|]/g, '\\$&');
}

function read(file: string): string {
  return fs.readFileSync(path.join(workshopRoot, file), 'utf8');
}
