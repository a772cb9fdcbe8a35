// A class, graded in a virtual machine that is put back to its beginning between students.
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { workshopRoot } from '../../workshop/paths.ts';
import { readVerdicts } from '../class/submissions.ts';
import { openFolder, run } from '../cli/command.ts';
import { writeFolder } from '../class/archives.ts';

const box = 'levels/00-fork-exec/box.ts';
const solution = fs.readFileSync(path.join(workshopRoot, 'solutions/00-fork-exec/box.ts'), 'utf8');

/**
 * Leaves a key in the keyring of root, which belongs to the kernel and outlives every testbed; and says on stderr which
 * ones are there then. See keyrings(7). (Run this in a machine of its own only.)
 */
const marking = (name: string): string => `
  import fs from 'node:fs';
  import koffi from 'koffi';
  const call = koffi.load('libc.so.6').func('long syscall(long, const char *, const char *, const char *, size_t, long)');
  const [SYS_add_key, KEY_SPEC_USER_KEYRING] = [{ x64: 248, arm64: 217 }[process.arch], -4];
  call(SYS_add_key, 'user', 'mark-of-${name}', 'x', 1, KEY_SPEC_USER_KEYRING);
  console.error('KEYS', fs.readFileSync('/proc/keys', 'utf8').match(/mark-of-[a-z]+/g)?.join(' '), 'END');
  process.exitCode = 1;
`;

test('right and wrong programs, and nothing of the one student is there for the next', async () => {
  using folder = openFolder();
  const submissions = path.join(folder.path, 'submissions');
  writeFolder(path.join(submissions, 'ada'), { [box]: solution });
  writeFolder(path.join(submissions, 'bob'), { [box]: 'console.log(1);\n' });
  for (const name of ['eve', 'mallory']) writeFolder(path.join(submissions, name), { [box]: marking(name) });
  writeFolder(path.join(submissions, 'zoe'), { [box]: solution });
  const out = path.join(folder.path, 'out');
  const ended = await run(['grade', submissions, '--jobs', '1', '--out', out]);
  expect(ended.stderr).not.toContain('broke');
  expect(ended.status).toBe(0);
  const verdicts = readVerdicts(path.join(out, 'results.jsonl'));
  expect(verdicts.map(({ student, status }) => `${student} ${status}`)).toEqual([
    'ada passed',
    'bob failed',
    'eve failed',
    'mallory failed',
    'zoe passed',
  ]);
  expect(verdicts[0]!.result!.cgroup).toBe('v2');
  for (const { student, result } of verdicts.slice(2, 4)) {
    expect(JSON.stringify(result)).toContain(`KEYS mark-of-${student} END`);
  }
});
