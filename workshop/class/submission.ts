// What a course handed in: a folder with one entry for each student.
import fs from 'node:fs';
import path from 'node:path';

/** What one student handed in, as it lies in the folder. */
export type Entry = { student: string; file: string };

/** What was taken out of an entry. Nothing of it has been run. */
export type Submission = {
  student: string;
  /** The box.ts of each level that was handed in, by the level's name, in the order of levels. */
  boxes: Record<string, string>;
  /** Levels whose file is of no use, and why, in one sentence each. */
  unusable: Record<string, string>;
  /** Levels whose box.ts is the skeleton as it was handed out: they count as not handed in. */
  untouched: string[];
  /** Why the whole entry is of no use; null where it can be graded. */
  problem: string | null;
  /** When it was handed in, in ISO 8601: the time of the entry, or of the commit in a bundle. */
  handedIn: string;
  /** The commit in a bundle, in hexadecimal; null for anything else. */
  commit: string | null;
  /** When each level passed at the student's home, in ISO 8601, as their own progress.json says. Nobody checks it. */
  passedAtHome: Record<string, string>;
};

/** Something handed in is of no use; the message says why, in one sentence, to the student and the instructor. */
export class Unusable extends Error {
  override name = 'Unusable';
}

const endings = /\.(tar\.gz|tgz|tar|zip|bundle)$/i;

/**
 * The entries of a folder, by student. A student is named as the entry is, without the ending of an archive; where two
 * entries would have one name, both keep their endings. Names that begin with a dot are none: file managers make them.
 */
export function entriesOf(folder: string): Entry[] {
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith('.'));
  const short = (name: string): string => name.replace(endings, '') || name;
  const times = new Map<string, number>();
  for (const name of names) times.set(short(name), (times.get(short(name)) ?? 0) + 1);
  return names
    .map((name) => ({
      student: times.get(short(name)) === 1 ? short(name) : name,
      file: path.join(folder, name),
    }))
    .sort((one, other) => (one.student < other.student ? -1 : 1));
}
