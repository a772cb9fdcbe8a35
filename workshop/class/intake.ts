// Takes the box.ts of each level out of what a student handed in, without trust: whoever made it may be careless or
// hostile, and this is root. Nothing is unpacked to a disk, no link is followed, nothing is run.
import fs from 'node:fs';
import { bonusLevels, type Level, numberedLevels } from '../levels.ts';
import { type Basket, intakeLimits, tooLarge } from './basket.ts';
import { takeFromBundle } from './intake-bundle.ts';
import { takeFromFolder } from './intake-folder.ts';
import { isTar, takeFromTar } from './intake-tar.ts';
import { takeFromZip } from './intake-zip.ts';
import { isUntouched } from './skeleton.ts';
import { type Entry, type Submission, Unusable } from './submission.ts';

/** Folders in which a box.ts is not the student's. */
const notTheirs = new Set(['solutions', 'node_modules', '.git', '__MACOSX', '.vagrant']);
const PROGRESS = 'progress.json';

/**
 * Takes what is to be graded out of an entry. It always comes to a submission: whatever is wrong with it is said in it.
 *
 * @param asked the levels that everybody has to hand in; null where any will do
 */
export async function takeIn(entry: Entry, asked: readonly Level[] | null): Promise<Submission> {
  const submission = nothingOf(entry);
  try {
    submission.handedIn = fs.lstatSync(entry.file).mtime.toISOString();
    await lookThrough(entry.file, submission, asked);
    return submission;
  } catch (error) {
    // Of one entry, whatever it was: the others do not wait for it.
    return { ...submission, boxes: {}, unusable: {}, untouched: [], problem: problemOf(error) };
  }
}

/** The submission of somebody of whom nothing has been taken in yet. */
function nothingOf({ student }: Entry): Submission {
  return {
    student,
    boxes: {},
    unusable: {},
    untouched: [],
    problem: null,
    handedIn: new Date().toISOString(),
    commit: null,
    passedAtHome: {},
  };
}

/** Why an entry is of no use, from the error that came while it was looked through: in one line. */
function problemOf(error: unknown): string {
  if (error instanceof Unusable) return error.message;
  const { message, syscall } = error as NodeJS.ErrnoException;
  const said = String(message ?? error)
    .split('\n')[0]!
    .slice(0, 120);
  // What a library stumbles over that was to unpack it.
  return syscall === undefined ? `it is no archive that can be read (${said})` : `it cannot be read (${said})`;
}

/** Fills a submission with what is wanted of an entry. @throws Unusable, and whatever else befalls those who read it */
async function lookThrough(file: string, submission: Submission, asked: readonly Level[] | null): Promise<void> {
  const wanted = asked ?? numberedLevels();
  const found = new Map<string, { name: string; content: Uint8Array | string }[]>();
  let looked = 0;
  let hasBonus = false;
  await takeFrom(file, {
    wants(name) {
      looked += 1;
      if (looked > intakeLimits.files) throw new Unusable(`it has more than ${intakeLimits.files} files`);
      needInside(name);
      hasBonus ||= isOfBonusLevel(name);
      return keyOf(name, wanted) !== null;
    },
    put(name, content) {
      const key = keyOf(name, wanted)!;
      found.set(key, [...(found.get(key) ?? []), { name, content }]);
    },
    from(commit, time) {
      submission.commit = commit;
      submission.handedIn = time.toISOString();
    },
  });
  for (const level of wanted) {
    const candidates = found.get(level.name);
    if (candidates === undefined) continue;
    try {
      const text = textOf(theOneOf(candidates));
      if (isUntouched(level, text)) submission.untouched.push(level.name);
      else submission.boxes[level.name] = text;
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      submission.unusable[level.name] = error.message;
    }
  }
  // Who lacks a level that was asked for is not of no use: that level is missing.
  if (asked === null) submission.problem = nothingToGrade(submission, hasBonus);
  submission.passedAtHome = progressIn(found.get(PROGRESS)?.[0]?.content);
}

/** Why there is nothing to grade where nothing was asked for; null where there is something. */
function nothingToGrade({ boxes, unusable, untouched }: Submission, hasBonus: boolean): string | null {
  if (Object.keys(boxes).length > 0 || Object.keys(unusable).length > 0) return null;
  const bonus = hasBonus ? '; bonus levels are not graded for a class' : '';
  if (untouched.length > 0) return `nothing is done in it: each box.ts is the skeleton as it was handed out${bonus}`;
  if (hasBonus) return 'it has only bonus levels, which are not graded for a class';
  return `it has no file such as levels/${numberedLevels()[0]!.name}/box.ts`;
}

async function takeFrom(file: string, basket: Basket): Promise<void> {
  const stat = fs.lstatSync(file);
  if (stat.isSymbolicLink()) throw new Unusable('it is a link, and links are not followed');
  if (stat.isDirectory()) return takeFromFolder(file, basket);
  if (!stat.isFile()) throw new Unusable('it is neither a folder nor a file');
  if (stat.size === 0) throw new Unusable('it is an empty file');
  if (stat.size > intakeLimits.archive) {
    throw new Unusable(`it is larger than ${intakeLimits.archive / 1024 ** 2} MiB`);
  }
  const head = headOf(file);
  if (head.subarray(0, 2).toString('latin1') === 'PK') return await takeFromZip(file, basket);
  if (/^# v[23] git bundle\n/.test(head.toString('latin1'))) return await takeFromBundle(file, basket);
  const gzip = head[0] === 0x1f && head[1] === 0x8b;
  if (gzip || isTar(head)) return await takeFromTar(file, gzip, basket);
  throw new Unusable('it is neither a folder nor a tar, zip or git bundle');
}

function headOf(file: string): Buffer {
  const head = Buffer.alloc(512);
  const descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    return head.subarray(0, fs.readSync(descriptor, head));
  } finally {
    fs.closeSync(descriptor);
  }
}

/** @throws Unusable where a path, taken from an archive, would lead out of the folder that it is unpacked in */
function needInside(name: string): void {
  const outside = name.startsWith('/') || name.split(/[/\\]/).includes('..') || /^[a-z]:/i.test(name);
  if (outside || name.includes('\0')) {
    throw new Unusable(`it has a path that leads outside: ${JSON.stringify(name.slice(0, 80))}`);
  }
}

/** Whether it is the box.ts of a bonus level. */
function isOfBonusLevel(name: string): boolean {
  const parts = partsOf(name);
  return parts !== null && parts.at(-1) === 'box.ts' && bonusLevels().some((level) => level.name === parts.at(-2));
}

/** The parts of a path; null where it leads into a folder in which nothing is the student's. */
function partsOf(name: string): string[] | null {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.some((part) => notTheirs.has(part)) ? null : parts;
}

/** What a file is wanted as: a level's name, or the progress; null where it is not wanted. */
function keyOf(name: string, wanted: readonly Level[]): string | null {
  const parts = partsOf(name);
  if (parts === null) return null;
  const [file, folder] = [parts.at(-1), parts.at(-2)];
  if (file === PROGRESS && parts.length <= 2) return PROGRESS;
  if (file !== 'box.ts') return null;
  const level = wanted.find((one) => one.name === folder);
  if (level !== undefined) return level.name;
  // One file without its folder, where it is clear what it is meant for.
  return wanted.length === 1 && parts.length <= 2 && !/^(\d\d|bonus)-/.test(folder ?? '') ? wanted[0]!.name : null;
}

/** The one that is meant, of several files for a level: the one in a folder `levels`. */
function theOneOf<Candidate extends { name: string }>(candidates: Candidate[]): Candidate {
  const inLevels = candidates.filter(({ name }) => name.split('/').at(-3) === 'levels');
  const [first, second] = inLevels.length > 0 ? inLevels : candidates;
  if (second === undefined) return first!;
  const names = [first!, second].map(({ name }) => JSON.stringify(name.slice(0, 80)));
  throw new Unusable(`there are several files for it: ${names.join(' and ')}`);
}

function textOf({ content }: { content: Uint8Array | string }): string {
  if (typeof content === 'string') throw new Unusable(content);
  if (content.length > intakeLimits.box) throw new Unusable(tooLarge);
  if (content.every((byte) => byte <= 0x20)) throw new Unusable('its box.ts is empty');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    if (text.includes('\0')) throw new TypeError('a NUL');
    return text;
  } catch {
    throw new Unusable('its box.ts is not TypeScript: it is no text in UTF-8');
  }
}

/** The levels that passed at home; none where the file is not as our own command writes it. */
function progressIn(content: Uint8Array | string | undefined): Record<string, string> {
  if (content === undefined || typeof content === 'string') return {};
  try {
    const { levels } = JSON.parse(Buffer.from(content).toString('utf8')) as { levels: Record<string, unknown> };
    const known = numberedLevels().map(({ name }) => [name, levels[name]] as const);
    return Object.fromEntries(
      known.filter((pair): pair is [string, string] => typeof pair[1] === 'string' && isTime(pair[1])),
    );
  } catch {
    return {};
  }
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/.test(text) && !Number.isNaN(Date.parse(text));
}
