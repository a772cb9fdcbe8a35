// What must be true of the bonus level about containers without root.
import { grade } from '#grading';
import { type Finding, findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/bonus-rootless';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { companion, killedRuntime, probes, said, tour, writtenFile } from '#grading/tour';
import { outsideOf, showMap } from '#grading/user-namespace';

const { pickNumber, randomWord } = choices('bonus-rootless');
const { scenario, check, user } = grade('bonus-rootless', misconceptions);

const held = scenario(tour);
const others = [scenario(companion), scenario(killedRuntime)];

const uid = pickNumber(2001, 30_000);
const gid = pickNumber(30_001, 60_000);
const groups = [4, 24, 27];
const given = `/tmp/given-${randomWord()}`;
const rangeWord = `hold-${randomWord()}`;
const image = ['-i', 'busybox'];

/** Root in a container: gives files away, and deletes what the image has. */
const asRoot = scenario({
  host: 'rootless',
  args: [
    ...image,
    'sh',
    '-c',
    holdStill(
      rangeWord,
      probes({
        give: `touch ${given} && chown ${uid}:${gid} ${given} && echo given`,
        'before deletion': 'ls /etc | wc -l',
        'delete and make': 'rm -r /etc && mkdir /etc && echo made',
        'after deletion': 'ls -A /etc',
        'other device': 'mknod /dev/other c 1 3 && echo done',
      }),
    ),
  ],
  groups,
  holdWord: rangeWord,
  reproduce: `sh -c 'cat /proc/self/uid_map; touch /tmp/x; chown 2014:100 /tmp/x; ls -ln /tmp'`,
});

/** What a user of the container may do. */
const attempts = {
  'write null': 'echo x > /dev/null && echo written',
  'write tmp': 'echo x > /tmp/mine && echo written',
};
const userWord = `hold-${randomWord()}`;
const asUser = scenario({
  host: 'rootless',
  args: [...image, '--user', `${uid}:${gid}`, 'sh', '-c', holdStill(userWord, probes(attempts))],
  groups,
  holdWord: userWord,
  reproduce: `--user ${uid}:${gid} sh -c 'grep -E "^(Uid|Gid|Groups|Cap)" /proc/self/status'`,
});
const unmapped = scenario({
  host: 'rootless',
  args: [...image, '--user', '3000000', 'sh', '-c', 'echo it ran'],
  reproduce: '--user 3000000 true',
});

/** Started by somebody who has no subordinate ids. */
const alone = (file: string): ReturnType<typeof user> => ({ ...user(file), subordinate: null });
const aloneWord = `hold-${randomWord()}`;
const oneId = scenario({
  host: 'one id',
  args: [...image, 'sh', '-c', holdStill(aloneWord, probes({ id: 'id -u' }))],
  startedBy: alone,
  holdWord: aloneWord,
  reproduce: 'cat /proc/self/uid_map',
});
const otherThanOne = scenario({
  host: 'one id',
  args: [...image, '--user', '2014', 'sh', '-c', 'echo it ran'],
  startedBy: alone,
  // Whoever tries it may have subordinate ids, and none so high.
  reproduce: '--user 3000000 true',
});

const limits = [
  ['--memory', '64m'],
  ['--cpu-shares', '512'],
].map(([option, value]) =>
  scenario({
    host: 'rootless',
    args: [...image, option!, value!, 'sh', '-c', 'echo it ran; cat /proc/self/cgroup'],
    reproduce: `${option} ${value} true`,
  }),
);

const devices = { null: '1, 3', zero: '1, 5', full: '1, 7', random: '1, 8', urandom: '1, 9', tty: '5, 0' };

const all = [held, asRoot, asUser, unmapped, oneId, otherThanOne, ...others, ...limits];

/** Where the command never came to the point of being looked at. */
function neverRan(run: Run, expected: string): Finding {
  const failed = run.trace.find(({ errno, call }) => errno !== null && !call.startsWith('exec'));
  return {
    expected,
    actual: `the command never ran: ${showEnd(run)}`,
    evidence: showCalls(run.trace.filter(({ call, phase }) => call === 'clone' && phase === 'done')),
    at: failed,
  };
}

check('rootless.1', 'an ordinary user starts it, in a user namespace of their own, and no step asks for root', {
  of: held,
  and: all,
  why: 'All other namespaces need a right that only root has. A user namespace needs none, and whoever makes one has all rights in it, and over what is made inside it. So it must come first.',
  man: 'user_namespaces(7)',
  reproduce: 'readlink /proc/self/ns/user',
  shownBy: 'id -u; readlink /proc/self/ns/user; box run readlink /proc/self/ns/user',
  holds(run) {
    const starter = run.user!;
    const asked = all.flatMap(({ run: one }) => one?.askedForRoot ?? [])[0];
    if (asked !== undefined) {
      return {
        expected: 'that no step asks for root',
        actual: `a step called ${asked.split(' ')[0]}`,
        evidence: [`it was called as: ${asked}`],
      };
    }
    const expected = `a command in a user namespace that belongs to the user ${starter.uid}, who started box.ts`;
    const { during } = run;
    const command = during?.commands[0];
    if (command === undefined) return neverRan(run, expected);
    const own = command.namespaces['user']!;
    if (own === run.before.namespaces['user'] || during!.userNamespace?.owner !== starter.uid) {
      return {
        expected,
        actual:
          own === run.before.namespaces['user']
            ? "it is in the host's user namespace"
            : `the namespace belongs to the user ${during!.userNamespace?.owner}`,
        evidence: [`/proc/${command.innerPid}/ns/user -> ${own}`],
        at: findCall(run, ['clone', 'unshare', 'fork']),
      };
    }
    const roots = all.flatMap(({ run: one }) => one?.during?.processes ?? []).filter(({ uids }) => uids.includes(0));
    if (roots.length === 0) return undefined;
    return {
      expected: 'that no process of the run is root of the host',
      actual: `${roots.length} are`,
      evidence: roots.map(({ innerPid, argv }) => `process ${innerPid}: ${argv.join(' ').slice(0, 50)}`),
    };
  },
});

check('rootless.2', 'root of the container is, seen from outside, the user who started it', {
  of: held,
  needs: ['rootless.1'],
  why: 'In a new user namespace nobody is anybody until a map says which number inside stands for which outside. With 0 inside standing for your own, files that root of the container makes are yours.',
  man: 'user_namespaces(7)',
  reproduce: 'cat /proc/self/uid_map /proc/self/gid_map',
  holds(run) {
    const { uid: ownUid, gid: ownGid } = run.user!;
    const command = run.during!.commands[0]!;
    const { uids, gids } = run.during!.userNamespace!;
    const evidence = [
      `/proc/${command.innerPid}/uid_map: ${showMap(uids)}`,
      `/proc/${command.innerPid}/gid_map: ${showMap(gids)}`,
      `/proc/${command.innerPid}/status, from outside: Uid: ${command.uids.join(' ')}`,
      `/proc/${command.innerPid}/status, from outside: Gid: ${command.gids.join(' ')}`,
    ];
    const right =
      outsideOf(uids, 0) === ownUid &&
      outsideOf(gids, 0) === ownGid &&
      command.uids.every((id) => id === ownUid) &&
      command.gids.every((id) => id === ownGid);
    if (!right) {
      return {
        expected: `uid 0 inside as ${ownUid} outside and gid 0 as ${ownGid}, in the maps and of the command`,
        actual: `0 inside is uid ${outsideOf(uids, 0) ?? 'nobody'} and gid ${outsideOf(gids, 0) ?? 'nobody'} outside`,
        evidence,
        at: findCall(run, 'clone'),
      };
    }
    const file = run.during!.containers.find(({ path }) => `/${path}`.endsWith(writtenFile));
    if (file?.uid === ownUid && file.gid === ownGid) return undefined;
    return {
      expected: `that the file which the command wrote belongs to ${ownUid}:${ownGid} on the host`,
      actual: file === undefined ? 'it is not there' : `it belongs to ${file.uid}:${file.gid}`,
      evidence,
    };
  },
});

check('rootless.3', "its devices are the host's own nodes, each shown at its place", {
  of: held,
  needs: ['rootless.2'],
  why: 'Who could make device nodes could make one for the disk. So mknod is refused to root of a user namespace, whatever its capabilities say. But a node that is there may be shown at a second place.',
  man: 'mknod(2)',
  reproduce: 'ls -l /dev',
  holds(run) {
    const command = run.during!.commands[0]!;
    const dev = run.during!.inside?.dev ?? {};
    for (const [name, numbers] of Object.entries(devices)) {
      const file = dev[name];
      const works = file?.type === 'character-device' && `${file.major}, ${file.minor}` === numbers;
      if (works) continue;
      return {
        expected: `/dev/${name}, the character device ${numbers}`,
        actual: file === undefined ? 'it is not there' : `it is a ${file.type.replace('-', ' ')}`,
        evidence: showCalls(
          run.trace.filter(
            ({ call, args }) => ['mknod', 'mount'].includes(call) && args.join().includes(`/dev/${name}"`),
          ),
        ),
        at: findCall(run, ['mknod', 'mount'], ({ args }) => args.join().includes(`/dev/${name}"`)),
      };
    }
    if (said(run, 'null') === 'swallowed') return undefined;
    return {
      expected: 'a /dev/null that swallows what is written',
      actual: `the command was told: ${said(run, 'null')}`,
      evidence: command.mounts
        .filter(({ mountPoint }) => mountPoint.startsWith('/dev'))
        .map(({ type, mountPoint, options }) => `the command's mount table: ${type} on ${mountPoint} ${options}`),
    };
  },
});

check('rootless.4', 'it has /proc and /sys, and what it deletes from the image stays deleted', {
  of: asRoot,
  needs: ['rootless.2'],
  why: 'Filesystems can be mounted in a user namespace where they are made for it. sysfs must not show more than the one that is there, a read-only one nothing but a read-only one. An overlay keeps its notes in extended attributes, and those it usually takes are for root of the host.',
  man: 'mount(2)',
  reproduce: `sh -c 'cat /proc/mounts; rm -r /etc; mkdir /etc; ls /etc'`,
  holds(run) {
    const mounts = run.during?.commands[0]?.mounts ?? [];
    if (run.during === null) return neverRan(run, 'a command with /proc and /sys');
    const lacking = ['proc', 'sysfs'].filter((type) => !mounts.some((mount) => mount.type === type));
    if (lacking.length > 0) {
      return {
        expected: 'a proc and a sysfs of the container',
        actual: `missing: ${lacking.join(', ')}`,
        evidence: mounts.map(({ type, mountPoint }) => `the command's mount table: ${type} on ${mountPoint}`),
      };
    }
    const [made, left] = [said(run, 'delete and make'), said(run, 'after deletion')];
    if (made === 'made' && left === '') return undefined;
    const root = mounts.findLast(({ mountPoint }) => mountPoint === '/');
    return {
      expected: 'that a directory of the image can be deleted and made anew, and is empty then',
      actual: made === 'made' ? `it holds ${left}` : `the command was told: ${made}`,
      evidence: root === undefined ? [] : [`the command's mount table: ${root.type} on / ${root.superOptions}`],
      at: findCall(run, 'mount', ({ args }) => args.join().includes('overlay')),
    };
  },
});

check('rootless.5', 'the other ids of the container are the subordinate ids of that user', {
  of: asRoot,
  needs: ['rootless.2'],
  why: 'A system has more users than root, and a map of one id has no place for them. /etc/subuid and /etc/subgid say which ids an administrator has set aside for you. To use them takes a privilege, which newuidmap and newgidmap have.',
  man: 'newuidmap(1)',
  holds(run) {
    const { uids: subuids, gids: subgids } = run.user!.subordinate!;
    const expected = `uids 1, 2, … inside as ${subuids.first}, … outside, and gids as ${subgids.first}, …, as /etc/subuid and /etc/subgid say`;
    const command = run.during?.commands[0];
    if (command === undefined) return { ...neverRan(run, expected), evidence: showStderr(run) };
    const { uids, gids } = run.during!.userNamespace!;
    const evidence = [
      `/etc/subuid: student:${subuids.first}:${subuids.count}`,
      `/etc/subgid: student:${subgids.first}:${subgids.count}`,
      `/proc/${command.innerPid}/uid_map: ${showMap(uids)}`,
      `/proc/${command.innerPid}/gid_map: ${showMap(gids)}`,
    ];
    const follows = (map: typeof uids, { first }: typeof subuids): boolean =>
      [1, 100, 60_000].every((id) => outsideOf(map, id) === first + id - 1);
    if (!follows(uids, subuids) || !follows(gids, subgids)) {
      const mapped = [uids, gids].map((map) => map.reduce((sum, { count }) => sum + count, 0));
      return { expected, actual: `${mapped[0]} uids and ${mapped[1]} gids are mapped`, evidence };
    }
    const file = run.containers.find(({ path }) => `/${path}`.endsWith(given));
    const [wantedUid, wantedGid] = [subuids.first + uid - 1, subgids.first + gid - 1];
    if (file?.uid === wantedUid && file.gid === wantedGid) return undefined;
    return {
      expected: `that a file which root of the container gives to ${uid}:${gid} belongs to ${wantedUid}:${wantedGid}`,
      actual: file === undefined ? `chown said: ${said(run, 'give')}` : `it belongs to ${file.uid}:${file.gid}`,
      evidence,
    };
  },
});

check('rootless.6', 'whoever has no subordinate ids gets a container with one id', {
  of: oneId,
  and: [otherThanOne],
  needs: ['rootless.1'],
  why: 'Your own id you may map without any help. The kernel asks one thing for it: that processes in there cannot leave their groups, for a group may also be what keeps somebody out of a file.',
  man: 'user_namespaces(7)',
  holds(run) {
    const starter = run.user!;
    const expected = `a container in which 0 is ${starter.uid}, and no other id`;
    const command = run.during?.commands[0];
    if (command === undefined) {
      const alone = 'whoever starts it has no line in /etc/subuid and /etc/subgid';
      return { ...neverRan(run, expected), evidence: [alone, ...showStderr(run)] };
    }
    const { uids, gids, setgroups } = run.during!.userNamespace!;
    if (outsideOf(uids, 0) !== starter.uid || outsideOf(gids, 0) !== starter.gid || said(run, 'id') !== '0') {
      return {
        expected,
        actual: `0 inside is uid ${outsideOf(uids, 0) ?? 'nobody'} and gid ${outsideOf(gids, 0) ?? 'nobody'} outside`,
        evidence: [
          `/proc/${command.innerPid}/uid_map: ${showMap(uids)}`,
          `/proc/${command.innerPid}/gid_map: ${showMap(gids)}`,
          `/proc/${command.innerPid}/setgroups: ${setgroups}`,
        ],
        at: findCall(run, 'clone'),
      };
    }
    return refusal(otherThanOne.run!, otherThanOne.scenario, '--user');
  },
});

/** What is wrong with how box.ts said no; nothing where it did so. */
function refusal(run: Run, one: Scenario, option: string): Finding | undefined {
  const asked = one.reproduce.replace(/ true$/, '');
  const expected = `for ${asked}: status 125, and a sentence that names ${option}`;
  const told = { evidence: showStderr(run), seenIn: run };
  if (run.stdout.includes('it ran')) return { expected, actual: 'the command ran', ...told };
  if (run.exitCode !== 125) return { expected, actual: showEnd(run), ...told };
  if (!run.stderr.includes(option)) {
    return { expected, actual: `stderr does not name ${option}`, ...told };
  }
  const left = [...run.containers.map(({ path }) => path), ...run.cgroups];
  if (left.length === 0) return undefined;
  return {
    expected: `for ${asked}: that nothing has been made yet`,
    actual: `left behind: ${left.slice(0, 3).join(', ')}`,
    seenIn: run,
  };
}

check('rootless.7', '--user is one of the mapped ids, and no group of the starter is kept', {
  of: asUser,
  and: [asRoot, unmapped],
  needs: ['rootless.5'],
  why: 'A uid of the container is one only if a map gives it one of the host. Groups that no map names are not gone: the process is still in them, and inside they are shown as 65534, nogroup.',
  man: 'user_namespaces(7)',
  holds(run) {
    const { uids: subuids, gids: subgids } = run.user!.subordinate!;
    const [wantedUid, wantedGid] = [subuids.first + uid - 1, subgids.first + gid - 1];
    const expected = `uid ${wantedUid} and gid ${wantedGid} outside for --user ${uid}:${gid}`;
    const command = run.during?.commands[0];
    if (command === undefined) return { ...neverRan(run, expected), evidence: showStderr(run) };
    const evidence = [
      `/proc/${command.innerPid}/status, from outside: Uid: ${command.uids.join(' ')}`,
      `/proc/${command.innerPid}/status, from outside: Gid: ${command.gids.join(' ')}`,
    ];
    const changes = ['setgroups', 'setgid', 'setuid'];
    if (
      command.uids.some((id) => id !== wantedUid) ||
      command.gids.some((id) => id !== wantedGid) ||
      command.capabilities !== 0n
    ) {
      return {
        expected: `${expected}, without capabilities`,
        actual: `they are ${command.uids[0]} and ${command.gids[0]}, capabilities ${command.capabilities.toString(16)}`,
        evidence: [...evidence, ...showCalls(run.trace.filter(({ call }) => changes.includes(call)))],
        at: findCall(run, changes),
      };
    }
    for (const one of [run, asRoot.run!]) {
      const kept = (one.during?.commands[0]?.groups ?? []).filter((group) => groups.includes(group));
      if (kept.length === 0) continue;
      return {
        expected: `none of the groups ${groups.join(', ')}, in which box.ts was started`,
        actual: `the command ${one === run ? '' : 'of root '}is in ${kept.join(', ')}`,
        evidence: [
          `/proc/${one.during!.commands[0]!.innerPid}/status, from outside: Groups: ${kept.join(' ')}`,
          ...showCalls(one.trace.filter(({ call }) => changes.includes(call))),
        ],
        at: findCall(one, 'setgroups') ?? findCall(one, ['setgid', 'setuid']),
        ...(one !== run && { seenIn: one, reproduce: 'grep Groups /proc/self/status' }),
      };
    }
    const refused = Object.keys(attempts).filter((name) => said(run, name) !== 'written');
    if (refused.length > 0) {
      return {
        expected: 'that the user may write to /dev/null and into /tmp',
        actual: refused.map((name) => `${name}: ${said(run, name) ?? 'it did not come to that'}`).join('; '),
      };
    }
    return refusal(unmapped.run!, unmapped.scenario, '--user');
  },
});

check('rootless.8', 'limits that cannot be had are refused', {
  of: limits[0]!,
  and: limits,
  needs: ['rootless.1'],
  why: 'A limit is a file in a cgroup, and on most systems an ordinary user may make none. Whoever asked for a limit and is told nothing believes that there is one.',
  man: 'cgroups(7)',
  holds() {
    for (const { run, scenario: one } of limits) {
      const finding = refusal(run!, one, one.reproduce.split(' ')[0]!);
      if (finding !== undefined) return finding;
    }
    return undefined;
  },
});
