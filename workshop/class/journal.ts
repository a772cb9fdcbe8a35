// What is already known of a run, kept as it comes: one line for each student, on the disk before anybody relies on it.
// A run that was killed goes on from here, at whatever moment it was.
import fs from 'node:fs';
import path from 'node:path';
import type { GradingTerms } from './grade-submission.ts';
import type { Outcome } from './verdict.ts';

/** The journal of a run: one outcome for each student, the first that came. */
export type Journal = Disposable & {
  has(student: string): boolean;
  readonly size: number;
  /** Keeps an outcome, unless there is one for this student. Returns whether it was kept. */
  add(outcome: Outcome): boolean;
  /** The outcomes, by student in order, each read when it is asked for. */
  outcomes(): Iterable<Outcome>;
};

/** What a run holds to from its beginning to its end, also where it is resumed. */
export type RunTerms = GradingTerms & { schema: 'boxwright/grade-run/v1'; run: string; folder: string };

/** Reads what a run holds to; null where there is no run in this folder. */
export function readRunTerms(folder: string): RunTerms | null {
  const file = path.join(folder, 'run.json');
  if (!fs.existsSync(file)) return null;
  return JSON.parse(fs.readFileSync(file, 'utf8')) as RunTerms;
}

/**
 * Opens the journal in a folder, which is there. A last line that was cut off by a kill is taken away: its student is
 * graded again.
 *
 * @param options.faultsAgain forgets those whom we could not grade
 */
export function openJournal(folder: string, options: { faultsAgain: boolean }): Journal {
  const file = path.join(folder, 'journal.jsonl');
  const places = new Map<string, { from: number; length: number }>();
  const descriptor = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_APPEND, 0o600);
  const faulty = new Set<string>();
  let end = 0;
  for (const { from, line } of linesOf(descriptor)) {
    const outcome = parsed(line);
    if (outcome === null) break;
    end = from + line.length + 1;
    if (!places.has(outcome.student) || faulty.has(outcome.student)) {
      places.set(outcome.student, { from, length: line.length });
      if (hasFault(outcome)) faulty.add(outcome.student);
      else faulty.delete(outcome.student);
    }
  }
  if (options.faultsAgain) for (const student of faulty) places.delete(student);
  fs.ftruncateSync(descriptor, end);

  return {
    has: (student) => places.has(student),
    get size() {
      return places.size;
    },
    add(outcome) {
      if (places.has(outcome.student)) return false;
      const line = Buffer.from(`${JSON.stringify(outcome)}\n`);
      try {
        fs.writeFileSync(descriptor, line);
        fs.fdatasyncSync(descriptor);
      } catch (error) {
        // A full disk: half a line is none.
        fs.ftruncateSync(descriptor, end);
        throw error;
      }
      places.set(outcome.student, { from: end, length: line.length - 1 });
      end += line.length;
      return true;
    },
    *outcomes() {
      for (const student of [...places.keys()].sort()) {
        const { from, length } = places.get(student)!;
        const line = Buffer.alloc(length);
        fs.readSync(descriptor, line, 0, length, from);
        yield JSON.parse(line.toString('utf8')) as Outcome;
      }
    },
    [Symbol.dispose]() {
      fs.closeSync(descriptor);
    },
  };
}

/** Whether a level of it could not be graded. */
export function hasFault({ verdicts }: Outcome): boolean {
  return verdicts.some(({ status }) => status === 'fault');
}

/** The whole lines of a file, one at a time. What comes after the last newline is no line. */
function* linesOf(descriptor: number): Generator<{ from: number; line: Buffer }> {
  const chunk = Buffer.alloc(1024 ** 2);
  let rest = Buffer.alloc(0);
  let from = 0;
  for (let position = 0; ;) {
    const length = fs.readSync(descriptor, chunk, 0, chunk.length, position);
    if (length === 0) return;
    position += length;
    rest = Buffer.concat([rest, chunk.subarray(0, length)]);
    for (let newline = rest.indexOf(10); newline !== -1; newline = rest.indexOf(10)) {
      yield { from, line: rest.subarray(0, newline) };
      from += newline + 1;
      rest = rest.subarray(newline + 1);
    }
  }
}

function parsed(line: Buffer): Outcome | null {
  try {
    return JSON.parse(line.toString('utf8')) as Outcome;
  } catch {
    return null;
  }
}
