// The image debian: what Debian calls essential, and the programs that the lessons run in it.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianArchitecture, installPackages, run } from './apt.ts';
import type { ImageInfo } from './image.ts';

/** Named, rather than taken from this machine: everyone shall have the same image. */
const RELEASE = 'bookworm';

/** `ps`, `top` and `free`; and what keeps a processor or memory busy. */
const PACKAGES = ['procps', 'stress-ng'];

/** mmdebstrap itself, and Debian's keys where the machine is not a Debian. */
const TOOLS = ['mmdebstrap', 'debian-archive-keyring'];

/** The day of the release, in seconds: what would otherwise be dated now is dated so. */
const SOURCE_DATE_EPOCH = Date.UTC(2023, 5, 10) / 1000;

/** What no lesson opens, and what stress-ng depends on for screens that a container does not have. */
const LEFT_OUT = [
  '/usr/share/X11/*',
  '/usr/share/bash-completion/*',
  '/usr/share/bug/*',
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/lintian/*',
  '/usr/share/locale/*',
  '/usr/share/man/*',
  '/usr/lib/*/dri/*',
  '/usr/lib/*/gconv/*',
  '/usr/lib/*/libLLVM*',
];

/** Whoever gives programs away gives their licences along. */
const KEPT = ['/usr/share/doc/*/copyright'];

/** /bin is a link to /usr/bin from the start, which spares the image the Perl that would turn it into one. */
const MERGED_USR = '/usr/share/mmdebstrap/hooks/merged-usr';

/** What the steps of `buildDebian` are called, and the words of mmdebstrap's output with which they begin. */
const STEPS = [
  { label: 'installing mmdebstrap', begins: undefined },
  { label: "reading Debian's package lists", begins: 'running apt-get update' },
  { label: 'downloading packages', begins: 'downloading packages' },
  { label: 'extracting packages', begins: 'extracting archives' },
  { label: 'setting up the essential packages', begins: 'installing essential packages' },
  { label: `setting up ${PACKAGES.join(' and ')}`, begins: 'installing remaining packages' },
  { label: 'writing the archive', begins: 'creating tarball' },
];

export const DEBIAN_STEPS: readonly string[] = STEPS.map((step) => step.label);

/**
 * Builds the image into the file `archive`, working in the folder that holds it.
 * Installs mmdebstrap where it is missing. The archive depends only on the versions that Debian has at the time.
 * Calls `onStep` at the start of each step. Throws one sentence where Debian cannot be reached or root is needed.
 */
export async function buildDebian(
  archive: string,
  onStep: (index: number) => void,
): Promise<Pick<ImageInfo, 'architecture' | 'source'>> {
  if (process.getuid?.() !== 0)
    throw new Error('the image debian can only be built by root: run npm run setup -- --all');
  onStep(0);
  await installPackages(TOOLS);
  const folder = dirname(archive);
  const version = join(folder, 'debian-version');
  const options = [
    '--mode=root',
    '--format=tar',
    '--variant=essential',
    `--include=${PACKAGES.join(',')}`,
    `--hook-dir=${MERGED_USR}`,
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...KEPT.map((path) => `--dpkgopt=path-include=${path}`),
    // mmdebstrap copies these from the machine that builds, whose they must not stay.
    '--customize-hook=echo debian > "$1/etc/hostname"',
    '--customize-hook=echo 127.0.0.1 localhost > "$1/etc/hosts"',
    '--customize-hook=rm --force "$1/etc/resolv.conf"',
    `--customize-hook=download /etc/debian_version ${version}`,
  ];
  // Its mounts stay in a namespace of their own, and the image's modes do not depend on our umask.
  const wrapped = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    'umask 022 && exec mmdebstrap "$@"',
    'mmdebstrap',
  ];
  await run('unshare', [...wrapped, ...options, RELEASE, archive], {
    env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH), TZ: 'UTC', TMPDIR: folder },
    onLine(line) {
      const step = STEPS.findIndex(({ begins }) => begins !== undefined && line.startsWith(`I: ${begins}`));
      if (step !== -1) onStep(step);
    },
  });
  return {
    architecture: await debianArchitecture(),
    source: { package: 'debian', version: readFileSync(version, 'utf8').trim() },
  };
}
