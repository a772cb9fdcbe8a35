// An ordinary user of a testbed's host: for programs that must do without root. Nothing in the testbed makes more of
// them than they are: the one set-user-ID program that is left hands out subordinate ids.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { dataDirectory, workshopRoot } from '../paths.ts';
import { compileCache } from './compile-cache.ts';
import { NoTestbed, systemPath, type Testbed } from './testbed.ts';

/** Who starts a program. */
export type OrdinaryUser = {
  uid: number;
  gid: number;
  /** What /etc/subuid and /etc/subgid give them: the first of so many ids. null where they have none. */
  subordinate: { uids: IdRange; gids: IdRange } | null;
};

/** Ids from `first` on. */
export type IdRange = { first: number; count: number };

/** Hand out subordinate ids. From Debian's package uidmap. */
const helpers = ['newuidmap', 'newgidmap'];

/** What those two need of the machine's rights; nobody else in their company gets any. */
const helpersNeed = ['setuid', 'setgid', 'dac_override', 'sys_admin'];

/** So many subordinate ids a user has on most systems. */
export const ID_RANGE = 65_536;

/** The name that ordinary users have here. */
const NAME = 'student';

/** What records that somebody asked for root. */
const askedForRoot = '/run/asked-for-root';

/** Programs by which people become root. */
const waysToRoot = ['sudo', 'su', 'doas', 'pkexec', 'run0'];

/**
 * Makes the user on a testbed's host: entries in /etc, and folders for images and containers that are theirs. They can
 * reach `file`, a box.ts. No set-user-ID program is left there but those of uidmap.
 *
 * @returns the words that start a program as that user
 */
export function settle(testbed: Testbed, file: string, user: OrdinaryUser, groups: readonly number[] = []): string[] {
  const host = `/proc/${testbed.initPid}/root`;
  const others = fs.readFileSync(`${host}/etc/passwd`, 'utf8').split('\n');
  const entry = `${NAME}:x:${user.uid}:${user.gid}::/home/${NAME}:/bin/sh`;
  const kept = others.filter((line) => line !== '' && line.split(':')[2] !== String(user.uid));
  testbed.writeFile('/etc/passwd', [...kept, entry, ''].join('\n'), 0o644);
  for (const [name, range] of [
    ['subuid', user.subordinate?.uids],
    ['subgid', user.subordinate?.gids],
  ] as const) {
    // Of somebody else, too: a program has to look whose line it is.
    const lines = ['somebody-else:3000000:65536', ...(range ? [`${NAME}:${range.first}:${range.count}`] : []), ''];
    testbed.writeFile(`/etc/${name}`, lines.join('\n'), 0o644);
  }
  fs.mkdirSync(`${host}/home/${NAME}`, { recursive: true });
  for (const folder of [`${host}/home/${NAME}`, testbed.containersFolder, testbed.imagesFolder]) {
    fs.chownSync(folder, user.uid, user.gid);
  }
  for (const place of [file, workshopRoot, process.execPath, dataDirectory()]) openTheWay(host, place, user.uid);
  shareCompileCache(host, user.uid);
  takeWaysToRoot(testbed, host);
  const bounding = ['-all', ...helpersNeed.map((name) => `+${name}`)].join(',');
  const memberOf = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
  return ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, memberOf, `--bounding-set=${bounding}`, '--'];
}

/** The calls of `sudo` and its like that programs on the testbed's host have made, as they were typed. */
export function askedForRootOn(testbed: Testbed): string[] {
  try {
    return fs.readFileSync(`/proc/${testbed.initPid}/root${askedForRoot}`, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Why ordinary users cannot make containers on this machine, and what mends it; null where they can. */
export function hindranceHere(): { why: string; mend: string } | null {
  const missing = helpers.filter((name) => !systemPath.split(':').some((folder) => fs.existsSync(`${folder}/${name}`)));
  if (missing.length > 0) {
    return { why: `${missing.join(' and ')} cannot be found`, mend: 'sudo apt-get install uidmap' };
  }
  const [major = 0, minor = 0] = os.release().split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 6)) {
    return {
      why: 'a testbed for ordinary users takes Linux 6.6 or later, whose tmpfs keeps the attributes of users',
      mend: 'use the virtual machine (vagrant up)',
    };
  }
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return {
      why: 'AppArmor takes all rights from the user namespaces of ordinary users here (docs/troubleshooting.md)',
      mend: 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (until the next start)',
    };
  }
  if (setting('kernel/unprivileged_userns_clone') === '0') {
    return {
      why: 'ordinary users may make no user namespace here',
      mend: 'sudo sysctl kernel.unprivileged_userns_clone=1',
    };
  }
  if (setting('user/max_user_namespaces') === '0') {
    return { why: 'there may be no user namespace here', mend: 'sudo sysctl user.max_user_namespaces=10000' };
  }
  return null;
}

function setting(name: string): string | null {
  try {
    return fs.readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Whoever a box.ts belongs to, since a private home is open to nobody else; where that is root, `otherwise`. */
export function ownerOf(file: string, otherwise: number): number {
  const owners = [file, workshopRoot].map((name) => fs.statSync(name).uid);
  return owners.find((uid) => uid !== 0) ?? otherwise;
}

/** The user that `box` and `trace` start a box.ts as. */
export function student(file: string): OrdinaryUser {
  const range = { first: 100_000, count: ID_RANGE };
  return { uid: ownerOf(file, 1000), gid: 1000, subordinate: { uids: range, gids: range } };
}

/**
 * Lets the user come to a file. Only on the testbed's host, which is a copy.
 *
 * @throws NoTestbed where that is not in our power
 */
function openTheWay(host: string, place: string, uid: number): void {
  for (let at = place; at !== '/'; at = path.dirname(at)) {
    const { mode, uid: owner } = fs.statSync(host + at);
    const wanted = mode & 0o100 ? 0o005 : 0o004;
    if (owner === uid || (mode & wanted) === wanted) continue;
    try {
      fs.chmodSync(host + at, (mode & 0o7777) | wanted);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
      // On a filesystem of its own, such as a tmpfs on /tmp, it is the machine's, and shown read-only.
      throw new NoTestbed(
        `an ordinary user, who starts the programs of this level, may not come to ${place}: ${at} is not open to everybody (chmod o+${mode & 0o100 ? 'rx' : 'r'} ${at}, or put the file elsewhere)`,
      );
    }
  }
}

/** Node keeps a cache for each user, by number: `v24-x64-hash-0`. */
function shareCompileCache(host: string, uid: number): void {
  const folder = host + compileCache();
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder).filter((entry) => entry.endsWith('-0'))) {
    const link = path.join(folder, name.replace(/0$/, String(uid)));
    if (!fs.existsSync(link)) fs.symlinkSync(name, link);
  }
}

/** Nothing on this host makes root of the user; what looks like it notes who asked, and refuses. */
function takeWaysToRoot(testbed: Testbed, host: string): void {
  for (const file of setUserIdPrograms()) {
    try {
      fs.chmodSync(host + file, 0o755);
    } catch (error) {
      if (!['EROFS', 'ENOENT'].includes((error as NodeJS.ErrnoException).code!)) throw error;
    }
  }
  testbed.writeFile(askedForRoot, '', 0o666);
  fs.chmodSync(host + askedForRoot, 0o666);
  for (const name of waysToRoot) {
    const script = `#!/bin/sh\necho "${name} $*" >> ${askedForRoot}\necho "${name}: nobody becomes root here" >&2\nexit 1\n`;
    testbed.writeFile(`/usr/local/sbin/${name}`, script, 0o755);
  }
}

let found: string[] | undefined;

/** Programs of this machine that act with other rights than whoever starts them, besides the helpers. */
function setUserIdPrograms(): string[] {
  found ??= [
    ...new Set(
      systemPath
        .split(':')
        .filter((folder) => fs.existsSync(folder))
        .map((folder) => fs.realpathSync(folder)),
    ),
  ].flatMap((folder) =>
    fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !helpers.includes(entry.name))
      .map(({ name }) => path.join(folder, name))
      .filter((file) => (fs.statSync(file).mode & 0o6000) !== 0),
  );
  return found;
}
