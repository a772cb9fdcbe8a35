// Makes what a course might hand in, out of programs whose verdicts are known: solutions, other right programs,
// skeletons, wrong programs, attacks, and entries of no use.
//
//   node tests/class/submissions.ts FOLDER EXPECTED.json [few]    writes both
//   node tests/class/submissions.ts compare RESULTS.jsonl EXPECTED.json    status 1 where a verdict differs
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Verdict, VerdictStatus } from '../../workshop/class/verdict.ts';
import { type Level, numberedLevels, skeletonFile, solutionFile } from '../../workshop/levels.ts';
import { mistakesOf, mustFail, notHere, readMistake, settled } from '../grading/mistakes.ts';
import { type Form, forms, handIn, tarOf, writeFolder, writeZip } from './archives.ts';

const grading = path.join(import.meta.dirname, '..', 'grading');

/** What must become of one level of one student. */
export type Expected = {
  student: string;
  level: string | null;
  status: VerdictStatus;
  /** Which wrong program it is; its head says what must be found. */
  wrong?: string;
  /** Words of the reason. */
  reason?: string;
};

/** Makes them, and says what must become of them. @param few some dozens in place of some hundreds */
export async function makeSubmissions(folder: string, few: boolean): Promise<Expected[]> {
  fs.mkdirSync(folder, { recursive: true });
  const expected: Expected[] = [];
  let count = 0;
  const program = async (student: string, level: Level, text: string, rest: Partial<Expected>): Promise<void> => {
    const form: Form = forms[count % forms.length]!;
    count += 1;
    // A checkout has more than what is asked for.
    const files = {
      'README.md': '# Mine\n',
      [`levels/${level.name}/box.ts`]: text,
      [`levels/${level.name}/notes.txt`]: 'It works on my machine.\n',
      [`solutions/${level.name}/box.ts`]: '// not mine\n',
    };
    await handIn(folder, student, files, form);
    expected.push({ student, level: level.name, status: 'failed', ...rest });
  };

  for (const [index, level] of numberedLevels().entries()) {
    const number = level.number;
    const some = (wanted: readonly number[]): boolean => !few || wanted.includes(index);
    if (some([0, 3])) await program(`right-${number}`, level, read(solutionFile(level)), { status: 'passed' });
    const skeleton = read(skeletonFile(level));
    if (some([1])) {
      await program(`untouched-${number}`, level, skeleton, {
        level: null,
        status: 'unusable',
        reason: 'nothing is done in it',
      });
    }
    if (some([1, 5])) await program(`skeleton-${number}`, level, `${skeleton}// I begin here.\n`, {});
    const alternative = path.join(grading, 'alternatives', `${level.name}.ts`);
    if (some([2])) await program(`other-${number}`, level, read(alternative), { status: 'passed' });
    const mistakes = mistakesOf(level.name).filter((mistake) => notHere(mistake) === null);
    const taken = few ? mistakes.slice(0, index < 2 ? 2 : index === 5 ? 1 : 0) : mistakes.slice(0, 18);
    for (const mistake of taken) {
      const student = `wrong-${number}-${path.basename(mistake.name)}`;
      await program(student, level, mistake.program, { wrong: mistake.name });
    }
  }
  const slow = ['never-ends', 'fork-bomb', 'endless-output'];
  const attacks = fs.readdirSync(path.join(grading, 'attacks')).map((name) => path.basename(name, '.ts'));
  const chosen = few ? ['kills-everything', 'fake-report', 'unmounts-everything', 'removes-everything'] : attacks;
  for (const name of chosen) {
    for (const level of numberedLevels().slice(0, few || slow.includes(name) ? 1 : 2)) {
      await program(`attack-${level.number}-${name}`, level, read(path.join(grading, 'attacks', `${name}.ts`)), {});
    }
  }
  return [...expected, ...(await makeUseless(folder))];
}

/** Entries that cannot be graded, each in its own way. */
async function makeUseless(folder: string): Promise<Expected[]> {
  const name = 'levels/00-fork-exec/box.ts';
  const right = read(solutionFile(numberedLevels()[0]!));
  const place = (entry: string): string => path.join(folder, entry);
  const expected: Expected[] = [];
  const whole = (student: string, reason: string): void => {
    expected.push({ student, level: null, status: 'unusable', reason });
  };
  const level = (student: string, reason: string): void => {
    expected.push({ student, level: '00-fork-exec', status: 'unusable', reason });
  };

  fs.mkdirSync(place('useless-empty-folder'));
  whole('useless-empty-folder', 'it has no file such as');
  fs.writeFileSync(place('useless-empty.tar'), '');
  whole('useless-empty', 'it is an empty file');
  fs.writeFileSync(place('useless-text.txt'), 'I was ill.\n');
  whole('useless-text.txt', 'neither a folder nor');
  fs.symlinkSync('/etc', place('useless-link'));
  whole('useless-link', 'it is a link');
  fs.writeFileSync(place('useless-cut.tar.gz'), gzipSync(tarOf([{ path: name, content: right }])).subarray(0, 500));
  whole('useless-cut', 'cut off or damaged');
  fs.writeFileSync(place('useless-cut-plain.tar'), tarOf([{ path: name, content: right }]).subarray(0, 700));
  whole('useless-cut-plain', 'cut off or damaged');
  await writeZip(place('useless-cut-zip.zip'), { [name]: right });
  fs.truncateSync(place('useless-cut-zip.zip'), 400);
  whole('useless-cut-zip', 'cut off or damaged');
  fs.writeFileSync(place('useless-dots.tar'), tarOf([{ path: `a/../../${name}`, content: right }]));
  whole('useless-dots', 'leads outside');
  fs.writeFileSync(place('useless-absolute.tar'), tarOf([{ path: `/${name}`, content: right }]));
  whole('useless-absolute', 'leads outside');
  fs.writeFileSync(place('useless-linked.tar'), tarOf([{ path: name, type: 'SymbolicLink', linkpath: '/etc/passwd' }]));
  level('useless-linked', 'no plain file');
  await writeZip(place('useless-linked-zip.zip'), { [name]: '/etc/passwd' }, { mode: 0o120777 });
  level('useless-linked-zip', 'no plain file');
  writeFolder(place('useless-linked-folder/levels/00-fork-exec'), {});
  fs.symlinkSync('/etc/passwd', place(`useless-linked-folder/${name}`));
  level('useless-linked-folder', 'no plain file');
  fs.writeFileSync(place('useless-bomb.tgz'), gzipSync(Buffer.alloc(300 * 1024 ** 2)));
  whole('useless-bomb', 'unpacks to more');
  fs.writeFileSync(place('useless-gzip-in-gzip.tgz'), gzipSync(gzipSync(tarOf([{ path: name, content: right }]))));
  whole('useless-gzip-in-gzip', 'compressed twice');
  fs.writeFileSync(
    place('useless-bomb-inside.tgz'),
    gzipSync(
      tarOf([
        { path: 'big', content: Buffer.alloc(300 * 1024 ** 2) },
        { path: name, content: right },
      ]),
    ),
  );
  whole('useless-bomb-inside', 'unpacks to more');
  await writeZip(place('useless-large.zip'), { [name]: `// ${'x'.repeat(200 * 1024)}\n` });
  level('useless-large', 'larger than');
  writeFolder(place('useless-binary'), { [name]: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]) });
  level('useless-binary', 'not TypeScript');
  writeFolder(place('useless-blank'), { [name]: ' \n\n' });
  level('useless-blank', 'is empty');
  writeFolder(place('useless-twice'), { [`a/${name}`]: right, [`b/${name}`]: right });
  level('useless-twice', 'several files');
  fs.writeFileSync(place('useless-bundle.bundle'), '# v2 git bundle\nc0ffee refs/heads/main\n\nPACK');
  whole('useless-bundle', 'its git bundle');
  fs.writeFileSync(place('useless-huge.tar'), '');
  fs.truncateSync(place('useless-huge.tar'), 65 * 1024 ** 2);
  whole('useless-huge', 'larger than 64 MiB');
  return expected;
}

function read(file: string): string {
  return fs.readFileSync(file, 'utf8');
}

/** What is not as it must be, in a line each; nothing where all is. */
export function compare(verdicts: readonly Verdict[], expected: readonly Expected[]): string[] {
  const key = ({ student, level }: { student: string; level: string | null }): string => `${student} ${level}`;
  const found = Map.groupBy(verdicts, key);
  const wanted = new Set(expected.map(key));
  const differences = expected.flatMap((one) => {
    const verdict = found.get(key(one));
    if (verdict?.length !== 1) return [`${key(one)}: ${verdict?.length ?? 0} verdicts`];
    const [{ status, reason, result }] = verdict as [Verdict];
    const failed = (result?.checks ?? []).filter((check) => check.status === 'failed');
    const fails = failed.map(({ id }) => id);
    const mistake = failed[0]?.mistake ?? null;
    const program = one.wrong === undefined ? null : readMistake(one.wrong);
    const agrees =
      program === null ||
      isDeepStrictEqual(
        { fails: settled(fails, program), mistake },
        { fails: mustFail(program), mistake: program.misconception },
      );
    return [
      ...(status === one.status ? [] : [`${key(one)}: ${status} and not ${one.status} (${reason ?? fails.join(' ')})`]),
      ...(agrees ? [] : [`${key(one)}: ${fails}, ${mistake}`]),
      ...(one.reason === undefined || reason?.includes(one.reason) ? [] : [`${key(one)}: "${reason}"`]),
    ];
  });
  return [...differences, ...[...found.keys()].filter((one) => !wanted.has(one)).map((one) => `${one}: not expected`)];
}

/** The lines of a results.jsonl. */
export function readVerdicts(file: string): Verdict[] {
  return read(file)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict);
}

if (import.meta.main) {
  const [first, second, third] = process.argv.slice(2) as [string, string, string | undefined];
  if (first === 'compare') {
    const expected = JSON.parse(read(third!)) as Expected[];
    const differences = compare(readVerdicts(second), expected);
    for (const line of differences) process.stdout.write(`${line}\n`);
    process.stdout.write(`${expected.length} verdicts, ${differences.length} differences\n`);
    process.exitCode = differences.length === 0 ? 0 : 1;
  } else {
    const expected = await makeSubmissions(first, third === 'few');
    fs.writeFileSync(second, `${JSON.stringify(expected, null, 2)}\n`);
    process.stdout.write(`${new Set(expected.map(({ student }) => student)).size} submissions\n`);
  }
}
