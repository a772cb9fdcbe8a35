// What the site is made of: lessons, the handbook, and the reference of `linux`, each from its one source.
import fs from 'node:fs';
import path from 'node:path';
import { checksOf } from '../checks.ts';
import { allLevels, levelFile } from '../levels.ts';
import { workshopRoot } from '../paths.ts';
import { linuxReference } from './linux-reference.ts';

/** A page before it is rendered. */
export type Source = {
  /** Its file in the site: `lesson-01-chroot.html`. The site is flat, so that links work from file:// as well. */
  file: string;
  section: 'Start' | 'Lessons' | 'Handbook' | 'Reference';
  /** Where its text comes from, relative to the checkout: links in it are relative to that. */
  origin: string;
  markdown: string;
};

/** The handbook's pages, in the order in which one would read them; others in docs/ follow by name. */
const handbookOrder = [
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
];

/** All pages, in reading order. */
export function sources(): Source[] {
  return [
    {
      file: 'index.html',
      section: 'Start',
      origin: 'workshop/site/start.md',
      markdown: read('workshop/site/start.md'),
    },
    ...allLevels().map((level): Source => {
      const origin = path.relative(workshopRoot, levelFile(level, 'README.md'));
      const checks = checksOf(fs.readFileSync(levelFile(level, 'grade.test.ts'), 'utf8'));
      return {
        file: `lesson-${level.name}.html`,
        section: 'Lessons',
        origin,
        markdown: withChecks(read(origin), checks),
      };
    }),
    ...handbook().map((name): Source => ({
      file: `handbook-${name}.html`,
      section: 'Handbook',
      origin: `docs/${name}.md`,
      markdown: read(`docs/${name}.md`),
    })),
    { file: 'linux.html', section: 'Reference', origin: 'linux/index.ts', markdown: linuxReference() },
  ];
}

function handbook(): string[] {
  const names = fs
    .readdirSync(path.join(workshopRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, -'.md'.length));
  const place = (name: string): number => (handbookOrder.includes(name) ? handbookOrder.indexOf(name) : Infinity);
  return names.sort((one, other) => place(one) - place(other) || one.localeCompare(other));
}

/** The lesson with the grader's own list of checks at the end of "How it is checked". */
function withChecks(lesson: string, checks: { id: string; title: string }[]): string {
  const heading = /^## How it is checked$/m.exec(lesson);
  if (heading === null) throw new Error(`a lesson has no heading "How it is checked":\n${lesson.slice(0, 80)}`);
  const next = lesson.indexOf('\n## ', heading.index + 1);
  const end = next === -1 ? lesson.length : next;
  const list = checks.map(({ id, title }) => `- **${id}** ${title.replaceAll(/[*_`<[]/g, '\\$&')}`).join('\n');
  return `${lesson.slice(0, end).trimEnd()}\n\nThe checks, as the grader has them:\n\n${list}\n${lesson.slice(end)}`;
}

function read(file: string): string {
  return fs.readFileSync(path.join(workshopRoot, file), 'utf8');
}
