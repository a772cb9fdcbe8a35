import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeArchive } from '../../workshop/images/archive.ts';
import type { ArchiveEntry } from '../../workshop/images/archive.ts';
import { openWorkspace } from './workspace.ts';

const mtime = new Date('2023-06-10T00:00:00Z');

const entries: ArchiveEntry[] = [
  { kind: 'symlink', path: 'bin/sh', target: '/bin/busybox' },
  { kind: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
  { kind: 'file', path: 'bin/busybox', mode: 0o4755, content: 'program' },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'directory', path: 'home', mode: 0o750, uid: 1000, gid: 1001 },
  { kind: 'hard-link', path: 'usr/test', target: 'bin/busybox' },
];

test('GNU tar reads what was meant', () => {
  using workspace = openWorkspace();
  const file = join(workspace.path, 'a.tar');
  writeFileSync(file, writeArchive(entries, mtime));
  const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', file], {
    encoding: 'utf8',
  });
  expect(
    listing
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ')),
  ).toEqual([
    '-rwsr-xr-x 0/0 7 2023-06-10 00:00 bin/busybox',
    'lrwxrwxrwx 0/0 0 2023-06-10 00:00 bin/sh -> /bin/busybox',
    'crw-rw-rw- 0/0 1,3 2023-06-10 00:00 dev/null',
    'drwxr-x--- 1000/1001 0 2023-06-10 00:00 home/',
    'drwxrwxrwt 0/0 0 2023-06-10 00:00 tmp/',
    'hrwxr-xr-x 0/0 0 2023-06-10 00:00 usr/test link to bin/busybox',
  ]);
});

test('the order in which entries are given does not matter', () => {
  expect(writeArchive(entries.toReversed(), mtime)).toEqual(writeArchive(entries, mtime));
});

test('it ends with two empty blocks and nothing after', () => {
  const archive = writeArchive([{ kind: 'file', path: 'f', mode: 0o644, content: 'x' }], mtime);
  expect(archive.length).toBe(512 + 512 + 1024);
  expect(archive.subarray(-1024).every((byte) => byte === 0)).toBe(true);
});

test('what cannot be written is refused: a path twice, a hard link before its file, a name too long', () => {
  const file: ArchiveEntry = { kind: 'file', path: 'b', mode: 0o644, content: '' };
  expect(() => writeArchive([file, file], mtime)).toThrow('two entries are called b');
  expect(() => writeArchive([file, { kind: 'hard-link', path: 'a', target: 'b' }], mtime)).toThrow(
    'the hard link a comes before',
  );
  expect(() => writeArchive([{ ...file, path: 'x'.repeat(101) }], mtime)).toThrow('does not fit');
  expect(() => writeArchive([{ kind: 'symlink', path: 's', target: 'x'.repeat(101) }], mtime)).toThrow('does not fit');
});
