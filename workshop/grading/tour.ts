// The runs that the graders of all levels from 01 on look at. A level adds to what the command tries in here, rather
// than a run of its own: so a program is run a few times, also for ten levels.
import { choices } from './random.ts';
import type { Run } from './run.ts';
import { holdStill, type Scenario } from './scenario.ts';

const { pick, randomWord } = choices('tour');

/** A file of the host that no container may read, and what is in it. */
export const secretFile = `/${randomWord()}/${randomWord()}.txt`;
export const secret = `secret-${randomWord()}`;

/** Words that are hard to hand over unchanged. */
export const oddWords = ['two  words', '', '*', '$HOME "quoted"', `-${randomWord()}`];

/** What the first container writes into its root, and the second one looks for. */
export const writtenFile = `/var/${randomWord()}`;
export const written = `written-${randomWord()}`;

const tag = randomWord();

/** Shell commands by name; what each prints, on stdout and stderr, is what `said` returns. */
export function probes(commands: Readonly<Record<string, string>>): string {
  return Object.entries(commands)
    .map(([name, command]) => `echo "${tag} ${name}=$( { ${command}; } 2>&1 | tr '\\n' ' ')"`)
    .join('\n');
}

/** What the command in the container printed for a probe, its lines joined by spaces; null where it did not come to it. */
export function said(run: Run, probe: string): string | null {
  const head = `${tag} ${probe}=`;
  const line = run.stdout.split('\n').find((text) => text.startsWith(head));
  return line === undefined ? null : line.slice(head.length).trim();
}

/** The pid that the command has for itself. Asked without a fork, which a wrong program may not allow. */
const ownPid = `echo "${tag} pid=$$"`;

const climb = 'i=0; while [ $i -lt 60 ]; do cd -P ..; i=$((i+1)); done';

/**
 * Uses a device only if the node leads to it. Another one may be a disk, or never answer; and where there is none, the
 * shell would make a file.
 */
function onDevice(name: string, numbers: string, command: string): string {
  return `[ -c /dev/${name} ] && [ "$(stat -c %t:%T /dev/${name})" = ${numbers} ] && ${command}`;
}

/** Looks around in all ways that change nothing in the container. */
const lookAround = {
  secret: `cat ${secretFile}`,
  'secret above': `cat ../../../../../../../../../../..${secretFile}`,
  null: onDevice('null', '1:3', 'echo x > /dev/null && cat /dev/null && echo swallowed'),
  zero: onDevice('zero', '1:5', 'head -c 3 /dev/zero | wc -c'),
  full: onDevice('full', '1:7', 'echo x > /dev/full'),
  random: onDevice('random', '1:8', 'head -c 3 /dev/random | wc -c'),
  urandom: onDevice('urandom', '1:9', 'head -c 3 /dev/urandom | wc -c'),
  ptmx: '[ -c /dev/ptmx ] && exec 3<> /dev/ptmx && echo opened; ls /dev/pts',
  stdin: 'echo through | cat /dev/stdin',
  processes: 'cd /proc; echo [0-9]*',
  self: 'readlink /proc/self',
  cgroup: 'cat /proc/self/cgroup',
  // Where the host's file can be seen this is no container, and would take long.
  directories: `[ -e ${secretFile} ] || find / -xdev -type d`,
};

/** What a second container does, which is ended from outside: it tries to get out, and ruins all that it can. */
const ruin = {
  // As in the lesson of level 01: the root moves down into a new directory, and the working directory does not follow.
  breakout: `mkdir -p /way-out/bin && cp /bin/busybox /way-out/bin/sh && nsenter -r/way-out -w/ /bin/sh -c '${climb}; cat .${secretFile}'`,
  // In a copy of the mount namespace: takes away the mount that is /, and enters anew what is the root then.
  beneath: `unshare -m /bin/sh -c 'cd /proc && umount -l / && nsenter -mself/ns/mnt /bin/cat ${secretFile}'`,
  'other file': `cat ${writtenFile}`,
  device: 'for node in /null /tmp/null; do mknod $node c 1 3 && echo x > $node && echo opened; done',
  change: 'echo changed > /etc/passwd; echo changed > /bin/busybox.new; chmod 700 /etc; rm -rf /usr /home /sbin /var',
};

const exits = pick([3, 7, 42, 99, 200, 254]);
const tourWord = `hold-${randomWord()}`;
const companionWord = `hold-${randomWord()}`;
const image = ['-i', 'busybox'];

/** The share of the CPU that the second container asks for: not a value where mistakes come to the same. */
export const companionShares = pick([200, 300, 700, 1536, 3000, 6000]);

/** The second container on a host: it comes and goes while the first one holds still. A SIGKILL ends its command. */
export const companion: Scenario = {
  // Somebody's umask may be like this. What others need must not depend on it.
  umask: '077',
  limits: ['--cpu-shares', String(companionShares)],
  args: [
    ...image,
    '/bin/sh',
    '-c',
    // Two that do not end with it: a child that lost its parent, and one in a session of its own.
    // Where the host's file can be seen this is no container, and ruining it would only take long.
    holdStill(companionWord, `(sleep 1000 &)\nsetsid sleep 1000 &\n[ -e ${secretFile} ] || {\n${probes(ruin)}\n}`),
  ],
  holdWord: companionWord,
  meanwhile: 'kill-command',
  reproduce: `sh -c 'kill -KILL $$'`,
  tried: `sh -c '…', a second container beside the first`,
};

/** The first container on a host: looks around, holds still, looks whether it is still whole, and ends by itself. */
export const tour: Scenario = {
  host: 'tour',
  args: [
    ...image,
    'sh',
    '-c',
    holdStill(
      tourWord,
      `printf '[%s]\\n' "$@"\n${ownPid}\necho ${written} > ${writtenFile}\n${probes(lookAround)}`,
      `${probes({ afterwards: `cat ${writtenFile}; ls /etc/passwd /usr/bin/wc` })}\nexit ${exits}`,
    ),
    'sh',
    ...oddWords,
  ],
  holdWord: tourWord,
  meanwhile: companion,
  exits,
  files: { [secretFile]: { text: `${secret}\n`, mode: 0o644 } },
  reproduce: `sh -c 'pwd; ls / ..; ls -l /dev; cat /proc/mounts'`,
  tried: `sh -c '…', a script that looks around in the container`,
};

/** A command that there is not, in an image that there is. */
export const missingCommand: Scenario = {
  host: 'mishaps',
  args: [...image, `no-such-${randomWord()}`],
  reproduce: 'no-such-command',
};

/** A file that is no program. */
export const notExecutable: Scenario = {
  host: 'mishaps',
  args: [...image, '/etc/passwd'],
  reproduce: '/etc/passwd',
};

/** An image that there is not. */
export const missingImageName = `no-such-${randomWord()}`;
export const missingImage: Scenario = {
  host: 'mishaps',
  args: ['-i', missingImageName, '/bin/true'],
  reproduce: '-i no-such-image /bin/true',
};

/** A runtime that is killed while its command runs. */
const orphanWord = `hold-${randomWord()}`;
export const killedRuntime: Scenario = {
  host: 'mishaps',
  // With box.ts its stdin ends, too: that must not be what ends it.
  args: [...image, '/bin/sh', '-c', holdStill(orphanWord, '', 'sleep 1000')],
  holdWord: orphanWord,
  meanwhile: 'kill-runtime',
  reproduce: 'sleep 1000',
};
