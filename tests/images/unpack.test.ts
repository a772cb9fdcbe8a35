import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeArchive } from '../../workshop/images/archive.ts';
import { unpack, UnpackError } from '../../workshop/images/unpack.ts';
import { END, openWorkspace, rawEntry, writeRaw } from './workspace.ts';
import type { RawEntry } from './workspace.ts';

const isRoot = process.getuid?.() === 0;

let workspace: ReturnType<typeof openWorkspace>;
let archive: string;
let root: string;

beforeEach(() => {
  workspace = openWorkspace();
  archive = join(workspace.path, 'x.tar');
  root = join(workspace.path, 'containers', 'root');
});

afterEach(() => workspace.remove());

/** Nothing may be left of an unpacking that failed: neither the root nor a temporary folder beside it. */
function expectNothingLeft(): void {
  const folder = join(workspace.path, 'containers');
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
}

function unpackError(): UnpackError {
  try {
    unpack(archive, root);
  } catch (error) {
    if (error instanceof UnpackError) return error;
    throw error;
  }
  throw new Error('it was unpacked');
}

const directory = (path: string, mode = 0o755): RawEntry => ({ path, type: 'Directory', mode });
const symlink = (path: string, linkpath: string): RawEntry => ({ path, type: 'SymbolicLink', linkpath, mode: 0o777 });
const hardLink = (path: string, linkpath: string): RawEntry => ({ path, type: 'Link', linkpath });

describe('what an archive holds', () => {
  test('arrives: files, directories that are not named, an empty file', () => {
    writeRaw(archive, [{ path: './a/b/file', content: 'x'.repeat(3_000_000) }, { path: 'empty' }]);
    unpack(archive, root);
    expect(statSync(join(root, 'a/b/file')).size).toBe(3_000_000);
    expect(statSync(join(root, 'empty')).size).toBe(0);
    expect(readdirSync(join(workspace.path, 'containers'))).toEqual(['root']);
  });

  test('symbolic links keep their targets: absolute, relative, upwards and dangling', () => {
    const links = { sh: '/bin/busybox', rel: '../x/./y', up: '../../../../etc/passwd', dangling: '/nowhere/at all' };
    writeRaw(archive, [
      directory('bin/'),
      ...Object.entries(links).map(([name, target]) => symlink(`bin/${name}`, target)),
    ]);
    unpack(archive, root);
    for (const [name, target] of Object.entries(links)) expect(readlinkSync(join(root, 'bin', name))).toBe(target);
  });

  test('hard links share their inode, also with a symbolic link', () => {
    writeRaw(archive, [
      { path: 'a', content: 'hello' },
      hardLink('d/b', 'a'),
      hardLink('c', './d/b'),
      symlink('s', '/a'),
      hardLink('t', 's'),
    ]);
    unpack(archive, root);
    expect(lstatSync(join(root, 'a')).nlink).toBe(3);
    expect(lstatSync(join(root, 'c')).ino).toBe(lstatSync(join(root, 'a')).ino);
    expect(readlinkSync(join(root, 't'))).toBe('/a');
  });

  test.runIf(isRoot)('modes and owners are those of the archive under any umask', () => {
    writeRaw(archive, [
      directory('./', 0o751),
      { ...directory('tmp/'), mode: 0o1777 },
      { ...directory('shared/'), mode: 0o2775, gid: 50 },
      { ...directory('closed/'), mode: 0o500 },
      { path: 'closed/inside', content: 'x', mode: 0o400 },
      { path: 'setuid', content: 'x', mode: 0o4755, uid: 65534, gid: 65534 },
      { path: 'setgid', content: 'x', mode: 0o2755, gid: 42 },
      { path: 'all', content: 'x', mode: 0o666 },
      { path: 'none', content: 'x', mode: 0 },
      { path: 'implied/x' },
      { ...symlink('link', 'setuid'), uid: 12, gid: 34 },
    ]);
    for (const umask of [0o000, 0o022, 0o077, 0o777]) {
      const before = process.umask(umask);
      try {
        unpack(archive, `${root}-${umask}`);
      } finally {
        process.umask(before);
      }
      const of = (path: string) => {
        const { mode, uid, gid } = lstatSync(join(`${root}-${umask}`, path));
        return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
      };
      expect(
        ['.', 'tmp', 'shared', 'closed', 'closed/inside', 'setuid', 'setgid', 'all', 'none', 'implied', 'link'].map(of),
      ).toEqual([
        '751 0:0',
        '1777 0:0',
        '2775 0:50',
        '500 0:0',
        '400 0:0',
        '4755 65534:65534',
        '2755 0:42',
        '666 0:0',
        '0 0:0',
        '755 0:0',
        '777 12:34',
      ]);
    }
  });

  test('dates are those of the archive, also of directories that were filled later', () => {
    const mtime = new Date('2020-02-02T02:02:02Z');
    writeRaw(archive, [
      { ...directory('d/'), mtime },
      { path: 'd/f', content: 'x', mtime },
    ]);
    unpack(archive, root);
    expect(statSync(join(root, 'd')).mtime).toEqual(mtime);
    expect(statSync(join(root, 'd/f')).mtime).toEqual(mtime);
  });

  test('device nodes and pipes are left out and named, and the rest arrives', () => {
    writeRaw(archive, [
      { path: 'dev/null', type: 'CharacterDevice', devmaj: 1, devmin: 3 },
      { path: 'dev/sda', type: 'BlockDevice', devmaj: 8, devmin: 0 },
      { path: 'run/pipe', type: 'FIFO' },
      hardLink('dev/zero', 'dev/null'),
      { path: 'last', content: 'x' },
    ]);
    const skipped: string[] = [];
    unpack(archive, root, { onSkip: (entry) => skipped.push(entry) });
    expect(skipped).toEqual(['dev/null', 'dev/sda', 'run/pipe', 'dev/zero']);
    expect(readdirSync(join(root, 'dev'))).toEqual([]);
    expect(readFileSync(join(root, 'last'), 'utf8')).toBe('x');
  });

  test('a later entry replaces an earlier one, and leaves what shared its inode alone', () => {
    writeRaw(archive, [{ path: 'a', content: 'old' }, hardLink('b', 'a'), { path: 'a', content: 'newer' }]);
    unpack(archive, root);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('newer');
    expect(readFileSync(join(root, 'b'), 'utf8')).toBe('old');
  });

  test('a gzipped archive arrives the same way', () => {
    writeFileSync(
      archive,
      gzipSync(Buffer.concat([rawEntry({ path: 'f', content: 'hello' }), rawEntry(symlink('l', '/f')), END])),
    );
    unpack(archive, root);
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe('hello');
    expect(readlinkSync(join(root, 'l'))).toBe('/f');
  });
});

describe('an archive that reaches out of the root is refused, and nothing is written', () => {
  const outside = () => join(workspace.path, 'outside');

  const cases: Record<string, { entries: () => RawEntry[]; entry: string; says: string }> = {
    '.. at the beginning': {
      entries: () => [{ path: '../../outside', content: 'x' }],
      entry: '../../outside',
      says: "would be written outside the container's root",
    },
    '.. in the middle': {
      entries: () => [{ path: 'a/../../../outside', content: 'x' }],
      entry: 'a/../../../outside',
      says: 'outside',
    },
    '.. that stays inside': { entries: () => [{ path: 'a/../b', content: 'x' }], entry: 'a/../b', says: 'outside' },
    '.. as a directory': { entries: () => [directory('..', 0o777)], entry: '..', says: 'outside' },
    '.. in a device that is left out anyway': {
      entries: () => [{ path: '../null', type: 'CharacterDevice', devmaj: 1, devmin: 3 }],
      entry: '../null',
      says: 'outside',
    },
    'an absolute name': { entries: () => [{ path: outside(), content: 'x' }], entry: 'OUTSIDE', says: 'outside' },
    'through an absolute link': {
      entries: () => [symlink('out', workspace.path), { path: 'out/outside', content: 'x' }],
      entry: 'out/outside',
      says: 'would be written through the symbolic link "out"',
    },
    'through a relative link, far below, dots and slashes in between': {
      entries: () => [directory('a/'), symlink('a/out', '../../..'), { path: 'a//./out/deep/outside', content: 'x' }],
      entry: 'a//./out/deep/outside',
      says: 'through the symbolic link "a/out"',
    },
    'through a link that leads inside': {
      entries: () => [directory('usr/bin/'), symlink('bin', 'usr/bin'), { path: 'bin/sh', content: 'x' }],
      entry: 'bin/sh',
      says: 'through the symbolic link "bin"',
    },
    'through a hard link to a link': {
      entries: () => [
        symlink('out', workspace.path),
        hardLink('alias', 'out'),
        { path: 'alias/outside', content: 'x' },
      ],
      entry: 'alias/outside',
      says: 'through the symbolic link "alias"',
    },
    'a link in the place of a directory': {
      entries: () => [directory('d/'), symlink('d', workspace.path), { path: 'd/outside', content: 'x' }],
      entry: 'd',
      says: 'would replace a directory',
    },
    'a link in the place of the root': {
      entries: () => [symlink('./', workspace.path)],
      entry: './',
      says: 'would replace a directory',
    },
    'a directory through a link': {
      entries: () => [symlink('out', workspace.path), directory('out/outside/')],
      entry: 'out/outside/',
      says: 'through the symbolic link',
    },
    'a hard link to ..': {
      entries: () => [hardLink('mine', '../../secret')],
      entry: 'mine',
      says: 'is a hard link to "../../secret", which is outside the container\'s root',
    },
    'a hard link to an absolute name': {
      entries: () => [hardLink('mine', '/etc/hostname')],
      entry: 'mine',
      says: 'outside',
    },
    'a hard link through a link': {
      entries: () => [symlink('out', workspace.path), hardLink('mine', 'out/secret')],
      entry: 'mine',
      says: 'through the symbolic link "out"',
    },
    'a hard link to what is not there': {
      entries: () => [hardLink('mine', 'nothing')],
      entry: 'mine',
      says: 'does not come before it',
    },
    'a hard link to a directory': {
      entries: () => [directory('d/'), hardLink('mine', 'd')],
      entry: 'mine',
      says: 'a directory',
    },
    'below a file': { entries: () => [{ path: 'f' }, { path: 'f/g' }], entry: 'f/g', says: 'which is not a directory' },
  };

  for (const [title, { entries, entry, says }] of Object.entries(cases)) {
    test(title, () => {
      writeFileSync(join(workspace.path, 'secret'), 'secret');
      writeRaw(archive, [{ path: 'first', content: 'x' }, ...entries(), { path: 'last', content: 'x' }]);
      const before = lstatSync(workspace.path).mode;
      const error = unpackError();
      const name = entry === 'OUTSIDE' ? outside() : entry;
      expect(error.entry).toBe(name);
      expect(error.message).toContain(`refusing to unpack ${archive}: the entry ${JSON.stringify(name)} `);
      expect(error.message).toContain(says);
      expect(error.message).not.toContain('\n');
      expect(existsSync(outside())).toBe(false);
      expect(readFileSync(join(workspace.path, 'secret'), 'utf8')).toBe('secret');
      expect(lstatSync(join(workspace.path, 'secret')).nlink).toBe(1);
      expect(lstatSync(workspace.path).mode).toBe(before);
      expectNothingLeft();
    });
  }

  test('also where a long name hides in an extended header', () => {
    const record = (path: string) => {
      const text = ` path=${path}\n`;
      return `${text.length + 2}${text}`;
    };
    writeRaw(archive, [
      { path: 'PaxHeader', type: 'ExtendedHeader', content: record('../../outside') },
      { path: 'harmless', content: 'x' },
    ]);
    expect(unpackError().entry).toBe('../../outside');
    expectNothingLeft();
  });

  test('also where the archive is gzipped', () => {
    writeFileSync(archive, gzipSync(Buffer.concat([rawEntry({ path: '../outside', content: 'x' }), END])));
    expect(unpackError().message).toContain('refusing to unpack');
    expectNothingLeft();
  });
});

describe('an archive that is not whole leaves nothing behind', () => {
  const whole = writeArchive(
    [
      { kind: 'directory', path: 'd', mode: 0o755 },
      { kind: 'file', path: 'd/big', mode: 0o644, content: 'x'.repeat(5000) },
      { kind: 'hard-link', path: 'd/same', target: 'd/big' },
      { kind: 'symlink', path: 's', target: '/d' },
      { kind: 'file', path: 't', mode: 0o644, content: 'y' },
    ],
    new Date(0),
  );

  test('whole, it is unpacked', () => {
    writeFileSync(archive, whole);
    unpack(archive, root);
    expect(readdirSync(root).toSorted()).toEqual(['d', 's', 't']);
  });

  test('cut at any block, and in the middle of any block', () => {
    for (let length = 0; length < whole.length; length += 256) {
      writeFileSync(archive, whole.subarray(0, length));
      expect(unpackError().message, `cut at ${length}`).toContain(`cannot unpack ${archive}: `);
      expectNothingLeft();
    }
  });

  test('cut by a single byte', () => {
    writeFileSync(archive, whole.subarray(0, -1));
    expect(unpackError().message).toContain('it is cut off: its end marker is missing');
    expectNothingLeft();
  });

  test('cut in a gzipped form', () => {
    const zipped = gzipSync(whole);
    for (const length of [1, 3, 12, 40, zipped.length >> 1, zipped.length - 9]) {
      writeFileSync(archive, zipped.subarray(0, length));
      expect(unpackError().message, `cut at ${length}`).toContain('cannot unpack');
      expectNothingLeft();
    }
  });

  test('with a damaged header anywhere', () => {
    for (const [index, name] of [
      [0, 'first'],
      [512 + 512 + 5120, 'later'],
    ] as const) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(index + 1) ^ 0x55, index + 1);
      writeFileSync(archive, damaged);
      expect(unpackError().message, name).toContain('checksum failure');
      expectNothingLeft();
    }
  });

  test('with nothing in it, with no tar in it, with an entry that tar does not know', () => {
    writeFileSync(archive, '');
    expect(unpackError().message).toMatch(/^cannot unpack .*: unrecognized archive format$/);
    writeFileSync(archive, END);
    expect(unpackError().message).toContain('cannot unpack');
    writeFileSync(archive, 'this is a letter, not an archive\n'.repeat(100));
    expect(unpackError().message).toContain('cannot unpack');
    const sparse = rawEntry({ path: 'sparse', content: 'x' });
    // GNU's sparse file; the sum of the header changes with its type, from '0' to 'S'.
    sparse.write('S', 156);
    sparse.write(
      (Number.parseInt(sparse.toString('ascii', 148, 154), 8) + 'S'.charCodeAt(0) - '0'.charCodeAt(0))
        .toString(8)
        .padStart(6, '0'),
      148,
    );
    writeFileSync(archive, Buffer.concat([rawEntry({ path: 'first' }), sparse, END]));
    expect(unpackError().message).toContain('"sparse"');
    expectNothingLeft();
  });

  test('that is missing, or a directory', () => {
    expect(unpackError().message).toContain(`cannot read the archive ${archive}: ENOENT`);
    mkdirSync(archive);
    expect(unpackError().message).toBe(`cannot unpack ${archive}: it is not a file`);
    expectNothingLeft();
  });
});

describe('a root that exists already stays as it is', () => {
  test('whatever it is: a directory, a file, a link to nowhere', () => {
    writeRaw(archive, [{ path: 'f', content: 'x' }]);
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'mine'), 'mine');
    chmodSync(root, 0o711);
    expect(unpackError().message).toBe(`cannot unpack ${archive}: ${root} exists already`);
    expect(readdirSync(root)).toEqual(['mine']);
    expect(statSync(root).mode & 0o7777).toBe(0o711);

    root = join(workspace.path, 'file');
    writeFileSync(root, 'mine');
    expect(unpackError().message).toContain('exists already');
    root = join(workspace.path, 'link');
    symlinkSync('nowhere', root);
    expect(unpackError().message).toContain('exists already');
    expect(readlinkSync(root)).toBe('nowhere');
  });
});
