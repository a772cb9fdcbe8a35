// The image busybox: one static program under hundreds of names, and the few files that make it a system.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { downloadPackage, run } from './apt.ts';
import { writeArchive } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import type { ImageInfo } from './image.ts';

const PACKAGE = 'busybox-static';

/** Where the package keeps the program: before and after Debian merged /bin into /usr/bin. */
const PROGRAM_PATHS = ['bin/busybox', 'usr/bin/busybox'];

/** Where every other name of the program leads. Absolute, as in the images that people pull. */
const PROGRAM = 'bin/busybox';

/** Once a hard link to `test` on every Unix: here it is the one name that shares the program's inode. */
const HARD_LINK = 'usr/bin/[';

/** Only for an initial ramdisk. */
const LEFT_OUT = new Set(['linuxrc', PROGRAM, HARD_LINK]);

const STUDENT = 1000;

const NOBODY = 65534;

/** What the steps of `buildBusybox` are called, in order. */
export const BUSYBOX_STEPS = [
  `downloading Debian's package ${PACKAGE}`,
  'taking it apart',
  'writing the archive',
] as const;

/**
 * Builds the image's archive from Debian's package, using `folder` for everything it has to put somewhere.
 * The archive depends on the package's version and architecture only.
 * Calls `onStep` at the start of each step. Throws one sentence where the package cannot be had.
 */
export async function buildBusybox(
  folder: string,
  onStep: (index: number) => void,
): Promise<{ archive: Buffer } & Pick<ImageInfo, 'architecture' | 'source'>> {
  onStep(0);
  const { file, version, architecture } = await downloadPackage(PACKAGE, folder);
  onStep(1);
  const content = join(folder, 'content');
  await run('dpkg-deb', ['--extract', file, content]);
  const program = PROGRAM_PATHS.map((path) => join(content, path)).find((path) =>
    statSync(path, { throwIfNoEntry: false })?.isFile(),
  );
  if (!program)
    throw new Error(`Debian's package ${PACKAGE} ${version} holds no busybox at ${PROGRAM_PATHS.join(' or ')}`);
  const names = (await run(program, ['--list-full'])).split('\n').filter((name) => name !== '');
  onStep(2);
  const archive = writeArchive(
    busyboxEntries(readFileSync(program), names, version),
    // The day the program was built: the same on every machine, unlike today.
    statSync(program).mtime,
  );
  return { archive, architecture, source: { package: PACKAGE, version } };
}

/** All of the image: `program` is busybox itself, `names` are the paths it says it can be called by. */
export function busyboxEntries(program: Buffer, names: string[], version: string): ArchiveEntry[] {
  return [
    ...directories(),
    ...configuration(version),
    ...devices(),
    { kind: 'file', path: PROGRAM, mode: 0o755, content: program },
    { kind: 'hard-link', path: HARD_LINK, target: PROGRAM },
    ...names
      .filter((name) => !LEFT_OUT.has(name))
      .map((name): ArchiveEntry => ({ kind: 'symlink', path: name, target: `/${PROGRAM}` })),
  ];
}

function directories(): ArchiveEntry[] {
  const plain = ['bin', 'dev', 'etc', 'home', 'proc', 'run', 'sbin', 'sys', 'usr', 'usr/bin', 'usr/sbin', 'var'];
  return [
    ...plain.map((path): ArchiveEntry => ({ kind: 'directory', path, mode: 0o755 })),
    { kind: 'directory', path: 'home/student', mode: 0o755, uid: STUDENT, gid: STUDENT },
    { kind: 'directory', path: 'root', mode: 0o700 },
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    { kind: 'directory', path: 'var/tmp', mode: 0o1777 },
  ];
}

function configuration(version: string): ArchiveEntry[] {
  const file = (path: string, ...lines: string[]): ArchiveEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    content: lines.map((line) => `${line}\n`).join(''),
  });
  return [
    file(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh',
      `student:x:${STUDENT}:${STUDENT}:student:/home/student:/bin/sh`,
      `nobody:x:${NOBODY}:${NOBODY}:nobody:/:/bin/false`,
    ),
    file('etc/group', 'root:x:0:', 'tty:x:5:', `student:x:${STUDENT}:`, `nogroup:x:${NOBODY}:`),
    file('etc/hostname', 'busybox'),
    file('etc/hosts', '127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback'),
    file(
      'etc/os-release',
      'NAME="Boxwright busybox"',
      'ID=boxwright-busybox',
      'ID_LIKE=debian',
      `VERSION_ID="${version}"`,
      `PRETTY_NAME="Boxwright busybox (${PACKAGE} ${version})"`,
    ),
  ];
}

/** Device nodes, for unpacking to leave out: a container gets its own. Numbers from Linux's devices.txt. */
function devices(): ArchiveEntry[] {
  return [
    { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    { kind: 'character-device', path: 'dev/zero', mode: 0o666, major: 1, minor: 5 },
  ];
}
