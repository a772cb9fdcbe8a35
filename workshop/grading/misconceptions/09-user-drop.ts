// What people believe who fail level 09.
import { findCall, inChild, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

const changes = ['setuid', 'setgid', 'setgroups'];
const needRoot = [
  'mount',
  'umount2',
  'umount',
  'pivot_root',
  'chroot',
  'mknod',
  'sethostname',
  'unshare',
  'clone',
  'fork',
];

/** A call of the same process after its first setuid. */
function afterSetuid(run: Run, names: readonly string[]): ReturnType<typeof findCall> {
  const first = findCall(run, 'setuid', ({ errno }) => errno === null);
  const index = first === undefined ? -1 : run.trace.indexOf(first);
  if (first === undefined) return undefined;
  return run.trace.slice(index + 1).find(({ call, errno }) => names.includes(call) && errno !== null);
}

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'dropped-in-the-parent',
    checks: ['09.1', '09.5', '09.6'],
    why: 'It is box.ts itself that gives up root here. Before clone, the child would have no root left to build the container with. After clone, the child is a process of its own and does not notice. The child must give up root, last of all; box.ts needs root until the end, to remove what it has made.',
    shows: (run) => findCall(run, changes, ({ process }) => process === '0'),
  },
  {
    slug: 'setuid-before-groups',
    checks: ['09.1', '09.2'],
    why: 'Changing groups needs root, and after setuid there is no root any more: setgid and setgroups answer EPERM. The uid goes last.',
    shows: (run) => afterSetuid(run, ['setgid', 'setgroups']),
  },
  {
    slug: 'user-needs-an-entry',
    checks: ['09.1', '09.5'],
    line: /passwd|execFileSync|spawnSync/,
    why: 'The kernel knows users by number and reads no /etc/passwd. Every number is a user, also one that no file mentions, so there is nothing to look up.',
    shows: (run, finding) =>
      /the command never ran/.test(finding.actual) &&
      run.exitCode === 125 &&
      findCall(run, 'clone') === undefined &&
      /passwd|\bid\b|no such user|unknown user|\bentry\b/i.test(run.stderr),
  },
  {
    slug: 'dropped-too-early',
    checks: ['09.1', '09.4'],
    hint: '09.4',
    man: 'capabilities(7)',
    why: 'Mounting, making devices, entering the root and joining a cgroup need root. Where the privileges are given up before that, one of these steps answers that it is not permitted.',
    shows: (run) =>
      afterSetuid(run, needRoot) === undefined
        ? run.during === null && /EACCES|EPERM/.test(run.stderr) && findCall(run, 'setuid')
        : findCall(run, 'setuid'),
  },
  {
    slug: 'only-the-effective-id',
    checks: ['09.1'],
    man: 'credentials(7)',
    line: /seteuid|setreuid|setresuid|setfsuid/,
    why: 'The effective id says who a process acts as now. The real and the saved one say who it may become again: as long as one of them is 0, a single call brings root back.',
    shows: (run) => new Set(run.during?.commands[0]?.uids).size > 1,
  },
  {
    slug: 'option-ignored',
    checks: ['09.1'],
    line: [/NO_NEW_PRIVS|env\[/, /\buser\b/],
    why: 'The command still has uid 0: nothing in box.ts changes who it is. PR_SET_NO_NEW_PRIVS only forbids a process to gain more than it has, and a variable is only text. A process becomes another user by the call that sets its uid.',
    shows: (run) => run.during !== null && findCall(run, 'setuid') === undefined,
  },
  {
    slug: 'uid-and-gid-mixed-up',
    checks: ['09.1', '09.2'],
    why: 'The words after --user are uid:gid, in this order. Here one of the two went where the other belongs.',
    shows: (run) => {
      const command = run.during?.commands[0];
      const [uid, gid] = run.scenario.args[run.scenario.args.indexOf('--user') + 1]?.split(':').map(Number) ?? [];
      if (command === undefined || uid === undefined || gid === undefined) return false;
      if (command.uids[0] === gid) return findCall(run, 'setuid') ?? true;
      return command.gids[0] === uid && (findCall(run, 'setgid') ?? true);
    },
  },
  {
    slug: 'group-of-root-kept',
    checks: ['09.2'],
    why: 'setuid changes the user and nothing else. The group is still 0, that of root, and many files of a system are open to it.',
    shows: (run) => run.during?.commands[0]?.gids.includes(0) === true && (findCall(run, 'setuid') ?? true),
  },
  {
    slug: 'supplementary-groups-kept',
    checks: ['09.2'],
    why: 'Beside its group a process has a list of supplementary groups. Each of them opens files to it, whether whoever started box.ts was in it or setgroups put it there. setuid and setgid leave the list alone. The gid need not be in it: an empty list drops them all.',
    shows: (run) =>
      (run.during?.commands[0]?.groups.length ?? 0) > 0 && (findCall(run, ['setgroups', 'setgid']) ?? true),
  },
  {
    slug: 'uid-alone-keeps-the-group',
    checks: ['09.5'],
    line: /\bgid\s*(=|\?\?)[^=]/,
    why: 'Where only a uid is given, the group must not stay what it was: that of root. It gets the same number.',
    shows: (_run, finding) =>
      /the group of the same number/.test(finding.expected) && /Gid: 0 0 0 0/.test(finding.actual),
  },
  {
    slug: 'uid-alone-not-understood',
    checks: ['09.5'],
    line: /user\.split|exec\(user\)|user\.match/,
    why: 'A uid may stand alone, and then the group has the same number. Here both parts are required, or the missing one, undefined, is made into a number (NaN).',
    shows: (_run, finding) =>
      /the group of the same number/.test(finding.expected) && /the command never ran/.test(finding.actual),
  },
  {
    slug: 'empty-word-is-root',
    checks: ['09.5'],
    line: /= user \?|user \|\||if \(!?user\b|user\.split|\bNumber\(user|exec\(user\)/,
    why: 'An empty string is falsy in JavaScript, and Number("") is 0. So with --user "$ID:$GROUP" a variable that somebody forgot to set becomes root, or the group of root. An option that was not given is null, a part that was not given is undefined. An empty word is neither: refuse it.',
    shows: (_run, finding) => /--user '(|\d+:)'/.test(finding.expected) && / 0 0 0 0\b/.test(finding.actual),
  },
  {
    slug: 'bad-word-is-root',
    checks: ['09.5'],
    line: [/\buid\b.*return null/, /isNaN|exec\(user\)|user\.split/],
    why: 'Somebody asked for a user in a word that box.ts did not understand, and silently got root. What cannot be understood has to be an error.',
    shows: (_run, finding) =>
      /status 125, and a sentence/.test(finding.expected) && /Uid: 0 0 0 0/.test(finding.actual),
  },
  {
    slug: 'refused-without-a-name',
    checks: ['09.5'],
    why: 'It is refused, and nobody can see why: the sentence does not say which of the options is meant. Name the option, and the word that was typed.',
    shows: (run, finding) =>
      /does not name/.test(finding.actual) && run.containers.length === 0 && findCall(run, 'clone') === undefined,
  },
  {
    slug: 'words-not-checked',
    checks: ['09.5'],
    line: /user\.split|parseInt\(|: Number\(|exec\(user\)/,
    why: 'Something that is no uid was taken for one. A pattern that is not tied to both ends of the word finds the 1 in -1, parseInt stops where the digits stop, Number makes NaN of a name, and a number that is too large means something else to the kernel. Check the whole word, and refuse the rest in a sentence that names --user.',
    shows: (_run, finding) => /status 125, and a sentence/.test(finding.expected),
  },
  {
    slug: 'checked-too-late',
    checks: ['09.5'],
    line: /= .*accountOf\(|accountOf\(user\)/,
    why: 'The words were looked at after the container had been made, and it was left behind. What can be known before anything is made must be checked before.',
    shows: (_run, finding) => /nothing has been made yet/.test(finding.expected),
  },
  {
    slug: 'left-out-for-users',
    checks: ['09.4'],
    line: /if \(!?\w*user\w*\)|(account|user) ===? null\)/i,
    why: 'A container of a user is built by root, as any other: with its mounts, devices and cgroup. Nothing has to be left out, as long as root is given up at the very end.',
    shows: (_run, finding) => /as (a container of|for) root/.test(finding.expected),
  },
  {
    slug: 'death-signal-forgotten-by-the-kernel',
    checks: ['09.6'],
    why: 'The kernel forgets PR_SET_PDEATHSIG when the user of a process changes, so that nobody can have signals sent to a process that has become another user. Whoever asks for it before setuid asks in vain.',
    shows: (run) => {
      const asked = findCall(run, 'prctl', (line) => inChild(line) && line.args[0] === 'PR_SET_PDEATHSIG');
      return (
        asked !== undefined && run.trace.slice(run.trace.indexOf(asked)).some(({ call }) => call === 'setuid') && asked
      );
    },
  },
  {
    slug: 'no-death-signal',
    checks: ['09.6'],
    line: /prctl|become\(command\)/,
    why: 'A child does not end because its parent does. It has to ask for that, with PR_SET_PDEATHSIG, whoever it runs as: with --user, too.',
    shows: (run) => findCall(run, 'prctl', ({ args }) => args[0] === 'PR_SET_PDEATHSIG') === undefined,
  },
];
