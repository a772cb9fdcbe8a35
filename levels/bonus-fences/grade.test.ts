// What must be true of the bonus level about fences.
import fs from 'node:fs';
import { grade } from '#grading';
import { findCall, showCalls, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/bonus-fences';
import { type CapabilitySet, type Mount, type ProcessFacts } from '#grading/processes';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill } from '#grading/scenario';
import { type ProbedCall, probe, writeProbe } from '#grading/system-call-probe';
import { probes, said } from '#grading/tour';
import * as capabilities from '../../linux/capability.ts';

const { pickNumber, randomWord } = choices('bonus-fences');
const { scenario, check } = grade('bonus-fences', misconceptions);

/** What root in a container keeps. */
const kept = [
  capabilities.CAP_CHOWN,
  capabilities.CAP_DAC_OVERRIDE,
  capabilities.CAP_FOWNER,
  capabilities.CAP_FSETID,
  capabilities.CAP_KILL,
  capabilities.CAP_NET_BIND_SERVICE,
  capabilities.CAP_SETFCAP,
  capabilities.CAP_SETGID,
  capabilities.CAP_SETPCAP,
  capabilities.CAP_SETUID,
  capabilities.CAP_SYS_CHROOT,
];
const keptBits = kept.reduce((bits, number) => bits | (1n << BigInt(number)), 0n);

/** Of the kernel's: AF_PACKET, SOCK_RAW; CLONE_NEWUSER, and that with SIGCHLD; KEY_SPEC_SESSION_KEYRING. */
const [packet, raw, newUser, forkNewUser, sessionKeyring] = [17, 3, 0x1000_0000, 0x1000_0011, -3];
/** Each would be done, or answers that its arguments are wrong, where nothing refuses it. */
const dangerousCalls = {
  mount: [],
  setns: [-1],
  unshare: [0],
  keyctl: [0, sessionKeyring],
  add_key: [],
  io_uring_setup: [],
  perf_event_open: [],
} satisfies Partial<Record<ProbedCall, number[]>>;

const uid = pickNumber(2001, 30_000);
const madeUpName = `renamed-${randomWord()}`;
/** Ends the line on which it stands, also where the shell itself cannot open the file. */
const writes = (text: string, file: string): string => `(echo ${text} > ${file}) && echo done`;
/** A user of the container, and a program that makes itself root if the set-user-ID bit of its file lets it. */
const prepared = [
  `echo plain:x:${uid}:${uid}::/:/bin/sh >> /etc/passwd`,
  writeProbe('/tmp/gain', 'setuid', [0]),
  'chmod 4755 /tmp/gain',
].join('\n');
const attacks = {
  mknod: 'mknod /dev/disk b 254 0 && echo done',
  // Not something that may be so already: then nothing is asked of the kernel.
  network: 'ip link set lo mtu 30000 && echo done',
  'raw socket': probe('socket', [packet, raw]),
  hostname: `hostname ${randomWord()} && echo done`,
  gain: 'su plain -c /tmp/gain; echo $?',
  ...Object.fromEntries(Object.entries(dangerousCalls).map(([call, args]) => [call, probe(call as ProbedCall, args)])),
  'unshare user': 'unshare -U id -u',
  'clone user': probe('clone', [forkNewUser]),
  clone3: probe('clone3'),
  'write sys': writes(madeUpName, '/proc/sys/kernel/hostname'),
  uncover: `umount /proc/sys; mount -o remount,rw /proc/sys; ${writes(madeUpName, '/proc/sys/kernel/hostname')}`,
};

// In /proc and /sys, as runc has it; not every kernel has all of them.
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger', '/sys'].filter(exists);
const masked = [
  '/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi',
  '/proc/timer_list /sys/devices/virtual/powercap /sys/firmware',
]
  .flatMap((names) => names.split(' '))
  .filter(exists);
const peeks = Object.fromEntries(
  masked.map((name) => [
    `peek ${name}`,
    `if [ -d ${name} ]; then ls -A ${name}; else head -c 20 ${name}; fi 2> /dev/null`,
  ]),
);
const ordinary = {
  'give away': `echo x > /tmp/file && chown ${uid} /tmp/file && stat -c %u /tmp/file`,
  'open a closed file': 'chmod 0 /tmp/file && cat /tmp/file',
  'become a user': 'su plain -c "id -u"',
  'end a process': 'su plain -c "exec sleep 1000" > /dev/null 2>&1 & kill $! && echo done',
  chroot: 'chroot / true && echo done',
  // As it is: to lower it takes a capability.
  'write in /proc': writes('$(cat /proc/self/oom_score_adj)', '/proc/self/oom_score_adj'),
  'use a pipe': 'echo through | cat',
  device: 'echo x > /dev/null && echo done',
};

const holdWord = `hold-${randomWord()}`;
const asRoot = scenario({
  host: 'fences',
  args: ['/bin/sh', '-c', holdStill(holdWord, `${prepared}\n${probes({ ...ordinary, ...peeks, ...attacks })}`)],
  holdWord,
  reproduce: `sh -c 'grep -E "^(Cap|NoNewPrivs|Seccomp)" /proc/self/status'`,
});
const inherited = ['sys_admin', 'net_admin', 'net_raw', 'mknod'];
const heirWord = `hold-${randomWord()}`;
const heir = scenario({
  host: 'fences',
  args: ['/bin/sh', '-c', holdStill(heirWord, probes({ mknod: attacks.mknod, network: attacks.network }))],
  holdWord: heirWord,
  inherits: inherited,
  reproduce: `sh -c 'grep -E "^Cap" /proc/self/status'`,
});
const userWord = `hold-${randomWord()}`;
const asUser = scenario({
  host: 'fences',
  args: [
    ...['--user', `${uid}`, '/bin/sh', '-c'],
    holdStill(userWord, probes({ 'unshare user': attacks['unshare user'], 'use a pipe': ordinary['use a pipe'] })),
  ],
  holdWord: userWord,
  reproduce: `--user ${uid} sh -c 'grep -E "^(Uid|Cap|NoNewPrivs|Seccomp)" /proc/self/status'`,
});

check('fences.1', 'its bounding set holds no more than the eleven capabilities that root keeps', {
  of: asRoot,
  reproduce: `sh -c 'grep Cap /proc/self/status; mknod /dev/disk b 254 0'`,
  why: 'At every exec the kernel computes the capabilities of the process anew. A process with uid 0 gets all that is in its bounding set. So what is to be gone for good must be taken out of that set.',
  man: 'capabilities(7)',
  holds(run) {
    const expected = 'a bounding set of the eleven that root keeps, or fewer';
    const command = run.during?.commands[0];
    if (command === undefined) {
      const began = /^sh: |^\/bin\/sh: /m.test(run.stderr);
      const actual = `the command ${began ? 'could not go on' : 'never ran'}: ${showEnd(run)}`;
      return { expected, actual, evidence: showStderr(run) };
    }
    const more = namesOf(command.capabilitySets.bounding & ~keptBits);
    if (more.length > 0) {
      return {
        expected,
        actual: `it has ${more.length} others: ${few(more)}`,
        evidence: [statusLine(command, 'bounding'), ...worked(run), ...calls(run, ['prctl', 'capset'])],
        at: findCall(run, 'prctl', ({ args }) => args[0] === 'PR_CAPBSET_DROP') ?? findCall(run, 'capset'),
      };
    }
    const done = worked(run);
    return done.length === 0 ? undefined : { expected: 'that these attacks fail', actual: done.join('; ') };
  },
});

check('fences.2', 'it inherits none from whoever starts box.ts', {
  of: heir,
  needs: ['fences.1'],
  shownBy: `setpriv --inh-caps=+${inherited.join(',+')} --ambient-caps=+${inherited.join(',+')} box run grep Cap /proc/self/status`,
  why: 'A process inherits two more sets. What is inheritable is added at an exec by root, and what is ambient at every exec, whatever the bounding set says.',
  man: 'capabilities(7)',
  holds(run) {
    const expected =
      'no inheritable and no ambient capability, and none beyond the eleven; box.ts was started with four';
    const command = run.during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    const sets = command.capabilitySets;
    const wrong = (['ambient', 'inheritable', 'effective', 'permitted'] as const)
      .map((name) => ({
        name,
        bits: name === 'ambient' || name === 'inheritable' ? sets[name] : sets[name] & ~keptBits,
      }))
      .filter(({ bits }) => bits !== 0n);
    if (wrong.length === 0) return undefined;
    return {
      expected,
      actual: wrong.map(({ name, bits }) => `${name}: ${few(namesOf(bits))}`).join('; '),
      evidence: [
        ...wrong.map(({ name }) => statusLine(command, name)),
        ...worked(run),
        ...calls(run, ['capset'], ['PR_CAP_AMBIENT']),
      ],
      at: findCall(run, 'capset') ?? findCall(run, 'prctl', ({ args }) => args[0] === 'PR_CAP_AMBIENT'),
    };
  },
});

check('fences.3', 'no file makes a process more than it is', {
  of: asRoot,
  needs: ['fences.1'],
  reproduce: `grep NoNewPrivs /proc/self/status`,
  why: 'The set-user-ID bit of a file gives whoever executes it the uid of its owner. With no_new_privs no exec gives anything, and nobody can take it back.',
  man: 'PR_SET_NO_NEW_PRIVS(2const)',
  holds(run) {
    const command = run.during!.commands[0]!;
    const gained = said(run, 'gain') === '0';
    if (command.noNewPrivs && !gained) return undefined;
    return {
      expected: 'no_new_privs, and a user of the container who stays that user',
      actual: gained ? 'through a set-user-ID file, the user became root' : 'no_new_privs is not set',
      evidence: [
        `/proc/${command.innerPid}/status: NoNewPrivs: ${command.noNewPrivs ? 1 : 0}`,
        ...calls(run, ['seccomp_load'], ['PR_SET_NO_NEW_PRIVS']),
      ],
      at: findCall(run, 'prctl', ({ args }) => args[0] === 'PR_SET_NO_NEW_PRIVS'),
    };
  },
});

check('fences.4', 'system calls that containers do not need are refused', {
  of: asRoot,
  needs: ['fences.1'],
  reproduce: `grep Seccomp /proc/self/status`,
  why: 'Every system call is code of the kernel that a container can reach, and each flaw in it is a way out. A filter refuses calls before that code runs, also to root.',
  man: 'seccomp(2)',
  holds(run) {
    const command = run.during!.commands[0]!;
    if (command.seccomp !== 2) {
      return {
        expected: 'a filter of system calls',
        actual: 'there is none',
        evidence: [
          `/proc/${command.innerPid}/status: Seccomp: ${command.seccomp}`,
          ...calls(run, ['seccomp_init', 'seccomp_load'], []),
        ],
        at: findCall(run, 'seccomp_load') ?? findCall(run, 'seccomp_init'),
      };
    }
    const made = Object.keys(dangerousCalls).filter((call) => !isRefusal(said(run, call)));
    if (made.length === 0) return undefined;
    return {
      expected: `that the filter refuses ${Object.keys(dangerousCalls).join(', ')}`,
      actual: `the kernel's code was reached: ${made.join(', ')}`,
      evidence: made.map((call) => `${call}(…): ${answer(said(run, call))}`),
      at: findCall(run, 'seccomp_rule_add') ?? findCall(run, 'seccomp_init'),
    };
  },
});

check('fences.5', 'nobody gets a user namespace, and new threads are still made', {
  of: asRoot,
  needs: ['fences.4'],
  reproduce: `unshare -U id -u`,
  why: 'Anybody may make a user namespace, and in it has every capability again, over what belongs to it. Three calls make one: unshare, clone, and clone3.',
  man: 'user_namespaces(7)',
  holds(run) {
    const expected = 'no user namespace through unshare and clone; and clone3 answers ENOSYS';
    const open = [...(unshared(run) ? ['unshare'] : []), ...(said(run, 'clone user') === '0' ? ['clone'] : [])];
    const rules = run.trace.filter(({ call }) => call === 'seccomp_rule_add');
    if (open.length > 0) {
      return {
        expected,
        actual: `made by: ${open.join(', ')}`,
        evidence: [
          ...answers(run),
          // They are alike.
          ...showCalls(rules.filter(({ args }) => args.length > 3).slice(0, 1)),
        ],
        at: rules.find(({ args }) => args.length > 3) ?? findCall(run, 'seccomp_init'),
      };
    }
    if (said(run, 'clone3') === '38') return undefined;
    return {
      expected,
      actual: `clone3 answers: ${answer(said(run, 'clone3'))}`,
      evidence: answers(run),
      at: rules.findLast(({ args }) => args[2] === '435') ?? findCall(run, 'seccomp_init'),
    };
  },
});

check('fences.6', 'settings of the host cannot be written, and what tells of it is covered', {
  of: asRoot,
  needs: ['fences.1'],
  reproduce: `grep -E ' /(proc|sys)' /proc/mounts`,
  why: 'Most files in /proc/sys ask for uid 0 and for no capability. Many of them are settings of the whole machine. So their directory has to be read-only, and what only tells of the host is covered.',
  man: 'mount(2)',
  holds(run) {
    const { commands, hostname } = run.during!;
    const { mounts } = commands[0]!;
    const uncovered = masked.filter((name) => said(run, `peek ${name}`) !== '');
    const writable = readOnly.filter((name) => !isReadOnly(mounts, name));
    const seen = [
      ...(writable.length === 0 ? [] : [`can be written: ${writable.join(', ')}`]),
      ...(uncovered.length === 0 ? [] : [`can be seen: ${uncovered.join(', ')}`]),
    ];
    const renamed = hostname === madeUpName;
    if (seen.length === 0 && !renamed) return undefined;
    return {
      expected: `${readOnly.join(', ')} read-only; nothing in ${masked.join(', ')}`,
      actual: seen.length === 0 ? 'what covered it could be taken away' : seen.join('; '),
      evidence: [
        ...(renamed ? [`echo ${madeUpName} > /proc/sys/kernel/hostname: done`] : []),
        ...mounts.filter(({ mountPoint }) => /^\/(proc|sys)\b/.test(mountPoint)).map(showMount),
      ],
      at: findCall(run, 'mount', ({ args }) => /\/(proc|sys)\//.test(args[1] ?? '')),
    };
  },
});

check('fences.7', 'all of this holds for --user, too, and ordinary programs work as before', {
  of: asUser,
  and: [asRoot],
  needs: ['fences.1'],
  why: 'The steps need privileges, too: taking from the bounding set needs CAP_SETPCAP, becoming a user needs CAP_SETUID, and a filter holds for everything that comes after it. There is an order in which all of them work.',
  man: 'capabilities(7)',
  holds(run) {
    const command = run.during?.commands[0];
    if (command === undefined) {
      return {
        expected: `with --user ${uid}: the command runs`,
        actual: `it never ran: ${showEnd(run)}`,
        evidence: showStderr(run),
        at: run.trace.find(({ errno }) => errno === 'EPERM' || errno === 'EACCES'),
      };
    }
    const { capabilitySets: sets, noNewPrivs, seccomp } = command;
    const missing = [
      ...((sets.bounding & ~keptBits) === 0n ? [] : [statusLine(command, 'bounding')]),
      ...((sets.inheritable | sets.effective) === 0n ? [] : [statusLine(command, 'effective')]),
      ...(noNewPrivs ? [] : ['NoNewPrivs: 0']),
      ...(seccomp === 2 ? [] : [`Seccomp: ${seccomp}`]),
    ];
    if (missing.length > 0 || said(run, 'use a pipe') !== 'through') {
      return { expected: `with --user ${uid}: the same fences`, actual: missing.join('; ') || 'a pipe does not work' };
    }
    const root = asRoot.run?.during?.commands[0];
    const lost = namesOf(keptBits & ~(root?.capabilitySets.effective ?? 0n));
    if (root !== undefined && lost.length > 0) {
      return {
        expected: 'that root keeps the eleven capabilities',
        actual: `it has lost ${few(lost)}`,
        evidence: [statusLine(root, 'effective')],
        at: findCall(asRoot.run!, 'capset') ?? findCall(asRoot.run!, 'prctl'),
        seenIn: asRoot.run!,
      };
    }
    const failed = Object.entries(expectedOf(uid)).filter(([name, text]) => said(asRoot.run!, name) !== text);
    if (failed.length === 0) return undefined;
    return {
      expected: `that root in a container can still: ${failed.map(([name]) => name).join(', ')}`,
      actual: failed.map(([name]) => `${name}: ${said(asRoot.run!, name) ?? 'it did not come to that'}`).join('; '),
      evidence: showCalls(
        asRoot.run!.trace.filter(({ call, args }) => call === 'mount' && /REMOUNT/.test(args[3] ?? '')),
      ),
      seenIn: asRoot.run!,
      reproduce: `sh -c '${ordinary[failed[0]![0] as keyof typeof ordinary]}'`,
    };
  },
});

/** What the ordinary programs print where they work. */
function expectedOf(user: number): Record<keyof typeof ordinary, string> {
  return {
    'give away': `${user}`,
    'open a closed file': 'x',
    'become a user': `${user}`,
    'end a process': 'done',
    chroot: 'done',
    'write in /proc': 'done',
    'use a pipe': 'through',
    device: 'done',
  };
}

/** The attacks that only capabilities stand against, as far as they worked. */
function worked(run: Run): string[] {
  const names = ['mknod', 'network', 'raw socket', 'hostname'] as const;
  return names.filter((name) => ['done', '0'].includes(said(run, name) ?? '')).map((name) => `${name}: it worked`);
}

/** Whether unshare made a user namespace: then id could say who somebody is in it. */
function unshared(run: Run): boolean {
  return /^\d+$/.test(said(run, 'unshare user') ?? '');
}

/** How the ways to a user namespace ended. */
function answers(run: Run): string[] {
  return [
    `unshare(CLONE_NEWUSER): ${unshared(run) ? 'done' : 'refused'}`,
    `clone(CLONE_NEWUSER | SIGCHLD): ${answer(said(run, 'clone user'))}`,
    `clone3(…): ${answer(said(run, 'clone3'))}`,
  ];
}

/** Whether a probe says that its call was refused: EPERM, EACCES, ENOSYS, or the process killed by SIGSYS. */
function isRefusal(status: string | null): boolean {
  return status !== null && /^(1|13|38|159)$|Bad system call/.test(status);
}

function answer(status: string | null): string {
  const meanings: Record<string, string> = {
    0: 'done',
    1: 'EPERM',
    9: 'EBADF',
    14: 'EFAULT',
    22: 'EINVAL',
    38: 'ENOSYS',
  };
  if (status === null) return 'it did not come to that';
  return meanings[status] ?? `status ${status}`;
}

/** Whether what a path leads to is on a mount that is read-only. */
function isReadOnly(mounts: readonly Mount[], name: string): boolean {
  const above = mounts.filter(({ mountPoint }) => name === mountPoint || name.startsWith(`${mountPoint}/`));
  const nearest = above.toSorted((one, other) => one.mountPoint.length - other.mountPoint.length).at(-1);
  return nearest !== undefined && [...nearest.options, ...nearest.superOptions].includes('ro');
}

function showMount({ mountPoint, type, options }: Mount): string {
  return `mount: ${mountPoint} ${type} ${options[0]}`;
}

function exists(name: string): boolean {
  return fs.existsSync(name);
}

/** The names of a set of capabilities. */
function namesOf(bits: bigint): string[] {
  return Array.from({ length: 64 }, (_none, number) => number)
    .filter((number) => ((bits >> BigInt(number)) & 1n) === 1n)
    .map(capabilities.nameOfCapability);
}

function few(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')}, …`;
}

function statusLine({ innerPid, capabilitySets }: ProcessFacts, set: CapabilitySet): string {
  const field = {
    effective: 'CapEff',
    permitted: 'CapPrm',
    inheritable: 'CapInh',
    ambient: 'CapAmb',
    bounding: 'CapBnd',
  };
  return `/proc/${innerPid}/status: ${field[set]}: ${capabilitySets[set].toString(16).padStart(16, '0')}`;
}

/** The calls of these names, and of prctl those with these operations; of many alike the first. */
function calls(run: Run, names: readonly string[], operations = ['PR_CAPBSET_DROP', 'PR_CAP_AMBIENT']): string[] {
  const lines = run.trace.filter(
    ({ call, args }) => names.includes(call) || (call === 'prctl' && operations.includes(args[0] ?? '')),
  );
  const first = lines.filter(
    (line, index) => lines.findIndex(({ call, args }) => call === line.call && args[0] === line.args[0]) === index,
  );
  return showCalls(first);
}
