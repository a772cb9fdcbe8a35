// What must be true of level 09.
import { grade } from '#grading';
import { cgroupPathOf, type ControllerName } from '#grading/cgroups';
import { type Finding, findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/09-user-drop';
import { choices } from '#grading/random';
import type { Run, Snapshot } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { probes, said, tour } from '#grading/tour';

const { pickNumber, randomWord } = choices('09-user-drop');
const { scenario, check } = grade('09-user-drop', misconceptions);

// No entry of any /etc/passwd: a user is a number.
const uid = pickNumber(2001, 30_000);
const gid = pickNumber(30_001, 60_000);
const holdWord = `hold-${randomWord()}`;
const attempts = {
  'write null': 'echo x > /dev/null && echo written',
  'write tmp': 'echo x > /tmp/mine && echo written',
  mount: 'mount -t tmpfs tmpfs /tmp && echo done',
  mknod: 'mknod /tmp/node c 1 3 && echo done',
  chown: 'chown 0 /tmp/mine && echo done',
  'read root': 'ls /root && echo done',
  hostname: 'hostname changed && echo done',
  chroot: 'chroot / /bin/true && echo done',
};
// It sleeps at the end: with box.ts its stdin ends, and that must not be what ends it.
const asUser = scenario({
  host: 'user',
  args: [
    '-i',
    'busybox',
    '--user',
    `${uid}:${gid}`,
    '/bin/sh',
    '-c',
    holdStill(holdWord, probes(attempts), 'sleep 1000'),
  ],
  groups: [4, 24, 27],
  holdWord,
  meanwhile: 'kill-runtime',
  reproduce: `--user ${uid}:${gid} sh -c 'grep -E "^(Uid|Gid|Groups|Cap)" /proc/self/status'`,
});
/** A container that says who it is. */
const idsOf = (word: string): Scenario => ({
  host: 'user',
  args: ['-i', 'busybox', `--user=${word}`, '/bin/sh', '-c', probes({ ids: 'grep -E "^[UG]id" /proc/self/status' })],
  reproduce: `--user '${word}' sh -c 'grep -E "^(Uid|Gid)" /proc/self/status'`,
});
const uidAlone = scenario(idsOf(`${uid}`));
/** One more means "leave it as it is" to setuid(2) and setgid(2). */
const largest = 4_294_967_294;
const largestIds = scenario(idsOf(`${largest}:${largest}`));
const tooLarge = largest + 1;
const refusedWords = [
  'bob',
  '',
  '-1',
  `${uid}:`,
  `${uid}:${gid}:1`,
  `${tooLarge}`,
  `${tooLarge}:${gid}`,
  `${uid}:${tooLarge}`,
];
const refusals = refusedWords.map((word) => ({ word, refused: scenario(idsOf(word)) }));
const asRoot = scenario(tour);

/** Real, effective, saved and filesystem id, as /proc/PID/status lists them. */
const fourTimes = (id: number): string => [id, id, id, id].join(' ');

check('09.1', 'its uid is the asked one, in all four places', {
  of: asUser,
  why: 'A process has four user ids: real, effective, saved and one for files. setuid, called by root, changes them all, and there is no way back. As long as one of them is 0, root can be had again.',
  man: 'setuid(2)',
  holds(run) {
    const expected = `uid ${uid} as real, effective, saved and filesystem uid`;
    const command = run.during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    if (command.uids.join(' ') === fourTimes(uid)) return undefined;
    return {
      expected,
      actual: `they are ${command.uids.join(', ')}`,
      evidence: [`/proc/${command.innerPid}/status: Uid: ${command.uids.join(' ')}`, ...calls(run)],
      at: findCall(run, ['setuid', 'setgid', 'setgroups']),
    };
  },
});

check('09.2', 'its gid is the asked one, and no other group is kept', {
  of: asUser,
  needs: ['09.1'],
  why: 'Files belong to a group, too, and a process has one group and a list of supplementary ones. setuid leaves both alone: the command would read what the groups of root may read.',
  man: 'setgroups(2)',
  holds(run) {
    const command = run.during!.commands[0]!;
    if (command.gids.join(' ') !== fourTimes(gid)) {
      return {
        expected: `gid ${gid} as real, effective, saved and filesystem gid`,
        actual: `they are ${command.gids.join(', ')}`,
        evidence: [`/proc/${command.innerPid}/status: Gid: ${command.gids.join(' ')}`, ...calls(run)],
        at: findCall(run, 'setgid') ?? findCall(run, 'setuid'),
      };
    }
    if (command.groups.every((group) => group === gid)) return undefined;
    return {
      expected: 'no supplementary group; box.ts was started with 4, 24 and 27',
      actual: `it has ${command.groups.join(', ')}`,
      evidence: [`/proc/${command.innerPid}/status: Groups: ${command.groups.join(' ')}`, ...calls(run)],
      at: findCall(run, 'setgroups') ?? findCall(run, 'setuid'),
    };
  },
});

check('09.3', 'there is no way back to root', {
  of: asUser,
  needs: ['09.1'],
  why: 'What root may do is split into capabilities. A process that leaves uid 0 for good loses them all, and then mounting, making devices and giving files away answer "not permitted".',
  man: 'capabilities(7)',
  holds(run) {
    const command = run.during!.commands[0]!;
    const expected = 'a command without any capability, for which what needs root fails';
    if (command.capabilities !== 0n) {
      return {
        expected,
        actual: `it has capabilities: ${command.capabilities.toString(16)}`,
        evidence: [`/proc/${command.innerPid}/status: CapEff, CapPrm, CapInh, CapAmb`, ...calls(run)],
        at: findCall(run, 'setuid'),
      };
    }
    const worked = ['mount', 'mknod', 'chown', 'read root', 'hostname', 'chroot'].filter((name) =>
      said(run, name)?.endsWith('done'),
    );
    if (worked.length === 0) return undefined;
    return { expected, actual: `these worked: ${worked.join(', ')}`, at: findCall(run, 'setuid') };
  },
});

check('09.4', 'all that needs root was done before', {
  of: asUser,
  and: [asRoot],
  needs: ['09.1'],
  reproduce: `--user ${uid}:${gid} sh -c 'cat /proc/mounts; ls -l /dev; uname -n; echo > /dev/null; echo > /tmp/mine'`,
  why: 'Namespaces, mounts, devices, cgroups and the hostname need root, so the privileges go last of all. And what a user needs must be there for them: a /dev/null and a /tmp that everybody may write to.',
  man: 'credentials(7)',
  holds(run) {
    const { commands, hostname, host, inside } = run.during!;
    const command = commands[0]!;
    const root = asRoot.run?.during;
    const mountsOf = (mounts: { mountPoint: string; type: string }[]): string[] =>
      mounts.map(({ mountPoint, type }) => `${type} on ${mountPoint}`);
    const has = [...mountsOf(command.mounts), ...devicesOf(inside)];
    const wanted = [...mountsOf(root?.commands[0]?.mounts ?? []), ...devicesOf(root?.inside ?? null)];
    const lacking = wanted.filter((thing) => !has.includes(thing));
    if (lacking.length > 0) {
      return { expected: 'the same mounts and devices as for root', actual: `missing: ${lacking.join(', ')}` };
    }
    if (hostname === host.hostname) {
      return { expected: 'a hostname of its own, as a container of root has', actual: `it is the host's: ${hostname}` };
    }
    const controllers: ControllerName[] = ['cpu', 'memory'];
    const outside = controllers.filter((controller) => cgroupPathOf(command, controller) === '/');
    if (outside.length > 0) {
      return {
        expected: 'a cgroup of its own, as a container of root has',
        actual: `it is in the host's for ${outside.join(' and ')}`,
      };
    }
    const refused = ['write null', 'write tmp'].filter((name) => said(run, name) !== 'written');
    if (refused.length === 0) return undefined;
    return {
      expected: 'that the user may write to /dev/null and into /tmp',
      actual: refused.map((name) => `${name}: ${said(run, name) ?? 'it did not come to that'}`).join('; '),
    };
  },
});

/** The devices in a container's /dev, with their numbers and modes. */
function devicesOf(inside: Snapshot['inside']): string[] {
  return Object.entries(inside?.dev ?? {})
    .filter(([, { type }]) => type === 'character-device')
    .map(([name, { major, minor, mode }]) => `/dev/${name} (${major}, ${minor}, mode ${mode.toString(8)})`);
}

check('09.5', 'without --user it is root; a uid alone brings its group; other words are refused', {
  of: uidAlone,
  and: [asRoot, largestIds, ...refusals.map(({ refused }) => refused)],
  needs: ['09.1'],
  why: 'What a user types must mean just what they think, or be refused before anything is made. A word that is silently taken for root is the worst of all answers.',
  man: 'credentials(7)',
  holds(run) {
    const unasked = asRoot.run!;
    const rootIds = unasked.during?.commands[0]?.uids.join(' ');
    if (rootIds !== fourTimes(0)) {
      const actual = rootIds === undefined ? `the command never ran: ${showEnd(unasked)}` : `it is ${rootIds}`;
      return { expected: 'uid 0 without --user', actual, evidence: showStderr(unasked), seenIn: unasked };
    }
    const ids = said(run, 'ids')?.replaceAll(/\s+/g, ' ');
    if (ids !== `Uid: ${fourTimes(uid)} Gid: ${fourTimes(uid)}`) {
      return {
        expected: `for --user ${uid}: uid ${uid}, and the group of the same number`,
        actual: ids === undefined ? `the command never ran: ${showEnd(run)}` : ids,
        evidence: ids === undefined ? [] : showStderr(run),
      };
    }
    for (const { word, refused } of refusals) {
      const finding = refusal(refused.run!, word);
      if (finding !== undefined) return { ...finding, seenIn: refused.run! };
    }
    const largestFound = said(largestIds.run!, 'ids')?.replaceAll(/\s+/g, ' ');
    if (largestFound === `Uid: ${fourTimes(largest)} Gid: ${fourTimes(largest)}`) return undefined;
    return {
      expected: `for --user ${largest}:${largest}, the largest ids: both`,
      actual: largestFound ?? `the command never ran: ${showEnd(largestIds.run!)}`,
      evidence: showStderr(largestIds.run!),
    };
  },
});

/** What is wrong with how a word after --user was refused. */
function refusal(run: Run, word: string): Finding | undefined {
  const expected = `for --user '${word}': status 125, and a sentence that names --user`;
  const ids = said(run, 'ids')?.replaceAll(/\s+/g, ' ');
  if (ids !== undefined) return { expected, actual: `the command ran, as ${ids}` };
  if (run.exitCode !== 125) return { expected, actual: showEnd(run) };
  if (!run.stderr.includes('--user')) return { expected, actual: 'stderr does not name --user' };
  const left = [...run.containers.map(({ path }) => path), ...run.cgroups];
  if (left.length === 0) return undefined;
  return {
    expected: `for --user '${word}': that nothing has been made yet`,
    actual: `left behind: ${left.slice(0, 3).join(', ')}`,
  };
}

check('09.6', 'it still ends with the runtime', {
  of: asUser,
  needs: ['09.1'],
  reproduce: `--user ${uid}:${gid} sleep 60`,
  shownBy: `box run --user ${uid}:${gid} sleep 60 & until pgrep -x sleep > /dev/null; do sleep 0.1; done; kill -KILL $!; wait; ps -e`,
  why: 'PR_SET_PDEATHSIG asks the kernel to end the command when box.ts dies. The kernel forgets it when the user of a process changes.',
  man: 'PR_SET_PDEATHSIG(2const)',
  holds(run) {
    if (run.left.length === 0) return undefined;
    return {
      expected: 'no process after box.ts was killed',
      actual: `${run.left.length} went on`,
      evidence: [
        ...run.left.map(({ innerPid, argv }) => `process ${innerPid}: ${argv.join(' ').slice(0, 50)}`),
        ...showCalls(run.trace.filter(({ call }) => call === 'prctl' || call === 'setuid')),
      ],
      at: findCall(run, 'prctl') ?? findCall(run, 'setuid'),
    };
  },
});

/** The calls that are about this level, or are taken for that. */
function calls(run: Run): string[] {
  const changes = ['setuid', 'setgid', 'setgroups'];
  return showCalls(run.trace.filter(({ call, args }) => changes.includes(call) || args[0] === 'PR_SET_NO_NEW_PRIVS'));
}
