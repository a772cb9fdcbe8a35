// Debian packages through apt-get: never asks anything, waits for whoever holds its locks.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/** How long to wait for another apt-get, such as the one that a fresh machine runs by itself. */
const LOCK_TIMEOUT_SECONDS = 300;

const LOCK_POLL_MS = 2000;

const APT_OPTIONS = [
  '-o',
  `DPkg::Lock::Timeout=${LOCK_TIMEOUT_SECONDS}`,
  // Its own user may not enter our folders.
  '-o',
  'APT::Sandbox::User=root',
];

export interface RunOptions {
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Called with each line of stderr as it comes. */
  onLine?: (line: string) => void;
}

/** A Debian package, downloaded but not installed. */
export interface DownloadedPackage {
  file: string;
  version: string;
  architecture: string;
}

/**
 * Downloads Debian's package `name` for this machine's architecture into `folder`, without installing it.
 * Asks for new package lists only where the ones at hand do not lead to it.
 * Throws one sentence with the command that failed.
 */
export async function downloadPackage(name: string, folder: string): Promise<DownloadedPackage> {
  await withFreshListsIfNeeded(['download', name], folder);
  const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
  if (!file)
    throw new Error(`apt-get download ${name} succeeded but left no package behind: try apt-get update, then again`);
  const path = join(folder, file);
  const [version = '', architecture = ''] = (
    await run('dpkg-deb', ['--show', '--showformat=${Version}\\n${Architecture}', path])
  ).split('\n');
  return { file: path, version, architecture };
}

/** Installs those of the Debian packages `names` that are not installed yet. Throws one sentence where it cannot. */
export async function installPackages(names: string[]): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    if (!(await isInstalled(name))) missing.push(name);
  }
  if (missing.length === 0) return;
  await withFreshListsIfNeeded(['install', '--yes', '--no-install-recommends', ...missing]);
}

/** Debian's name of this machine's architecture, such as `amd64`. */
export async function debianArchitecture(): Promise<string> {
  return (await run('dpkg', ['--print-architecture'])).trim();
}

/**
 * Runs a program to its end, in the C locale and without a terminal to ask on, and returns its stdout.
 * Throws one sentence with the command and the first thing that it complained of.
 */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const result = await attempt(program, args, options);
  if (result.complaint !== undefined) throw new Error(`${sentenceOf(program, args)}: ${result.complaint}`);
  return result.stdout;
}

async function isInstalled(name: string): Promise<boolean> {
  const result = await attempt('dpkg-query', ['--show', '--showformat=${db:Status-Status}', name]);
  return result.stdout === 'installed';
}

/** Runs apt-get; where that fails, once more after an update. */
async function withFreshListsIfNeeded(args: string[], cwd?: string): Promise<void> {
  const first = await aptGet(args, cwd);
  if (first === undefined) return;
  // Its exit status says little: one unreachable source of many is no obstacle. What counts is the second try.
  const update = await aptGet(['update']);
  const second = await aptGet(args, cwd);
  if (second === undefined) return;
  const reason = update === undefined ? second : `${second}; and apt-get update: ${update}`;
  throw new Error(
    `${sentenceOf('apt-get', args)} (${reason}): check this machine's network and its Debian sources, then run it by hand to see more`,
  );
}

/** Runs apt-get and returns what it complained of, or undefined where it succeeded. */
async function aptGet(args: string[], cwd?: string): Promise<string | undefined> {
  const deadline = Date.now() + LOCK_TIMEOUT_SECONDS * 1000;
  for (;;) {
    const { complaint } = await attempt('apt-get', [...APT_OPTIONS, ...args], { cwd });
    // apt-get waits for dpkg's lock by itself, but not for the one on the package lists.
    if (complaint?.includes('Could not get lock') !== true || Date.now() > deadline) return complaint;
    await sleep(LOCK_POLL_MS);
  }
}

interface Attempt {
  stdout: string;
  /** Why it failed; undefined where it did not. */
  complaint: string | undefined;
}

async function attempt(program: string, args: string[], options: RunOptions = {}): Promise<Attempt> {
  const result = await execa(program, args, {
    cwd: options.cwd,
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', ...options.env },
    stdin: 'ignore',
    stderr: function* (line: unknown) {
      options.onLine?.(String(line));
      yield line;
    },
    reject: false,
  });
  const stdout = result.stdout ?? '';
  if (!result.failed) return { stdout, complaint: undefined };
  if (result.code === 'ENOENT')
    return {
      stdout,
      complaint: `there is no ${program} on this machine, and Boxwright builds its images on Debian or Ubuntu`,
    };
  return { stdout, complaint: complaintOf(result.stderr ?? '') ?? result.shortMessage };
}

/** The first line that apt, dpkg and their like mark as an error; otherwise the last line that says anything. */
function complaintOf(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((candidate) => /^(E|dpkg.*error): /.test(candidate)) ?? lines.at(-1);
  return line?.replace(/^E: /, '').trim();
}

function sentenceOf(program: string, args: string[]): string {
  return `${[program, ...args].join(' ')} failed`;
}
