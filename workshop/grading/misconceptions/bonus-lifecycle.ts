// What people believe who fail the bonus level about containers that go on by themselves.
import { findCall, type Misconception } from '../finding.ts';
import { isNode } from '../processes.ts';
import type { Run } from '../run.ts';

/** Whether PID 1 of the container is still box.ts. */
function hasInit(run: Run): boolean {
  return run.during!.processes.some(({ innerPid, exe }) => innerPid === 1 && isNode(exe));
}

const signalCall = (run: Run) => findCall(run, ['pidfd_send_signal', 'kill']);
const setnsCall = (run: Run) => findCall(run, 'setns');

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'waits-all-the-same',
    checks: ['lifecycle.1'],
    man: 'fork(2)',
    why: 'To print the id is not enough: this box.ts goes on waiting for the container itself, so whoever started it does not get the shell back. Another process has to wait in its place.',
    shows: (run) => run.timedOut && (findCall(run, 'waitpid') ?? true),
  },
  {
    slug: 'nobody-keeps-it',
    checks: ['lifecycle.1'],
    man: 'PR_SET_PDEATHSIG(2const)',
    line: /\bdetach \?|if \(.*detach/,
    why: 'The process that started the container is gone, and the kernel had been told to end the container with it. Somebody must stay who keeps it, and who will know how it has ended.',
    // The container may just have been seen before the kernel ended it.
    shows: (run) =>
      run.exitCode === 0 && findCall(run, 'clone', ({ process }) => process === run.trace[0]!.process) !== undefined,
  },
  {
    slug: 'session-of-the-starter',
    checks: ['lifecycle.1'],
    why: 'A child is in the session of its parent, and in its process group. Where that group has the terminal, as in a script or in $(…), Ctrl-C is a signal to all of them, and so is the end of the terminal. Forking alone does not change that.',
    shows: (run, finding) => finding.actual.endsWith('are in it') && (findCall(run, 'fork') ?? true),
  },
  {
    slug: 'output-of-the-starter',
    checks: ['lifecycle.1'],
    man: 'pipe(7)',
    why: 'A child has copies of its parent’s descriptors. As long as one of them leads to the pipe at which somebody reads what run -d prints, that one waits for more.',
    shows: (run, finding) =>
      /pipe open/.test(finding.actual) && (findCall(run, 'dup2') ?? findCall(run, 'fork') ?? true),
  },
  {
    slug: 'stderr-left-out',
    checks: ['lifecycle.2'],
    line: [/dup2\(.*, 2\)/, /log/i],
    why: 'A program has two outputs, and what it complains about goes to the second one, descriptor 2. That one has to lead to the log, too.',
    shows: (_run, finding) => /to stderr/.test(finding.expected) && /not there/.test(finding.actual),
  },
  {
    slug: 'command-is-pid-1',
    checks: ['lifecycle.3'],
    why: 'Here PID 1 is the command itself. It was not written for that: it does not wait for children that others have left, and the kernel throws away signals to PID 1 that it does not catch.',
    shows: (run) => run.during !== null && !hasInit(run) && (findCall(run, ['execvp', 'execvpe']) ?? true),
  },
  {
    slug: 'waits-for-one-child',
    checks: ['lifecycle.3'],
    man: 'waitpid(2)',
    line: [/waitpid\(.*WNOHANG/, /waitpid\(/],
    why: 'This init waits for the command, and for nobody else. But whoever loses its parent becomes its child, too, and stays a zombie until it has been waited for.',
    shows: (run, finding) =>
      /zombie/.test(finding.actual) && (findCall(run, 'waitpid', ({ process }) => /\..*\./.test(process)) ?? true),
  },
  {
    slug: 'signals-end-at-pid-1',
    checks: ['lifecycle.3'],
    man: 'signal(7)',
    why: 'Whoever wants to tell the container something sends a signal to its PID 1. If PID 1 does not hand it on, the command never hears of it.',
    shows: (run, finding) =>
      /still runs/.test(finding.actual) && (findCall(run, 'sigwaitinfo') ?? findCall(run, 'fork') ?? true),
  },
  {
    slug: 'every-folder-a-container',
    checks: ['lifecycle.4'],
    why: 'In the folder of containers there are also those that other levels have made, and one that is just being made: they have no record. ps has to pass over them.',
    shows: (run) => run.exitCode !== 0 && /ENOENT|ENOTDIR|SyntaxError|TypeError/.test(run.stderr),
  },
  {
    slug: 'status-not-told',
    checks: ['lifecycle.4'],
    line: /waitpid\(pid\)/,
    why: 'Only the parent of PID 1 learns how the container has ended, and only once. If it does not write that down, nobody can ever say it.',
    shows: (_run, finding) => /"exited/.test(finding.expected),
  },
  {
    slug: 'setns-with-threads',
    checks: ['lifecycle.5'],
    why: 'setns moves one thread. The threads of a process share one root directory, so none of several may go into another mount namespace (EINVAL). Node always has several. A child that has been forked has one.',
    shows: (run) => findCall(run, 'setns', ({ errno }) => errno === 'EINVAL'),
  },
  {
    slug: 'cgroups-out-of-sight',
    checks: ['lifecycle.5'],
    man: 'cgroups(7)',
    why: 'In the container’s mount namespace the host’s cgroups cannot be seen. Not even /proc/mounts is there: it leads through /proc/self, and this process has no pid in the container’s /proc. The cgroups have to be joined before setns.',
    shows: (run) => run.during === null && /cgroup/.test(run.stderr) && setnsCall(run),
  },
  {
    slug: 'pid-namespace-without-a-child',
    checks: ['lifecycle.5'],
    man: 'pid_namespaces(7)',
    why: 'A process keeps its pid for all of its life, so it cannot move into another PID namespace. What setns changes is where its children are born.',
    shows: (run, finding) => finding.actual === 'not in its own are: pid' && (setnsCall(run) ?? true),
  },
  {
    slug: 'namespaces-left-out',
    checks: ['lifecycle.5'],
    why: 'Each kind of namespace is entered by itself. One that is left out is the host’s: its hostname, its network, its processes.',
    shows: (run, finding) => /not in its own are/.test(finding.actual) && (setnsCall(run) ?? true),
  },
  {
    slug: 'cgroups-not-joined',
    checks: ['lifecycle.5'],
    man: 'cgroups(7)',
    why: 'No namespace makes a process count as one of the container. Its limits hold for those who are in its cgroups, and this command is not: it may take as much memory as there is.',
    shows: (run, finding) => /another cgroup/.test(finding.actual) && (setnsCall(run) ?? true),
  },
  {
    slug: 'root-by-exec',
    checks: ['lifecycle.5'],
    man: 'setuid(2)',
    why: 'The container’s command runs as an ordinary user, and this one as root: whoever may use exec has all rights there. Who the container runs as has to be in its record.',
    shows: (run, finding) =>
      /another (uid|gid|groups|capabilities)/.test(finding.actual) &&
      (run.trace.findLast(({ call }) => call === 'fork') ?? true),
  },
  {
    slug: 'asked-without-end',
    checks: ['lifecycle.6'],
    man: 'signal(7)',
    why: 'A program may ignore SIGTERM, and then it never ends by itself. Nobody can ignore SIGKILL.',
    shows: (run) => run.timedOut && (signalCall(run) ?? true),
  },
  {
    slug: 'not-waited-for',
    checks: ['lifecycle.6'],
    why: 'A signal only asks. When the call comes back, the other process may not even have noticed. Whoever says that the container has ended must have waited for its end.',
    shows: (run, finding) => /it still runs/.test(finding.actual) && (signalCall(run) ?? true),
  },
  {
    slug: 'killed-at-once',
    checks: ['lifecycle.6'],
    man: 'signal(7)',
    why: 'A program that gets SIGKILL ends at once: it cannot save anything. First it is asked, by SIGTERM, and has some time.',
    shows: (run, finding) => /exited \(137\)/.test(finding.actual) && (signalCall(run) ?? true),
  },
  {
    slug: 'keeper-asked',
    checks: ['lifecycle.6'],
    why: 'The signal went to the process that waits for the container, not to PID 1 of it. So the one was gone who could have said how the container has ended.',
    shows: (run, finding) => !/exited/.test(finding.actual) && (signalCall(run) ?? true),
  },
  {
    slug: 'file-believed',
    checks: ['lifecycle.7'],
    line: /'running'/,
    why: 'The record says that it has not ended, because the one who should have written that down was killed. A file is no witness of the present. The kernel is.',
    shows: (_run, finding) => /"running"/.test(finding.actual) && /kill -9/.test(finding.expected),
  },
  {
    slug: 'pid-taken-for-a-name',
    checks: ['lifecycle.7'],
    man: 'proc_pid_stat(5)',
    line: [/\/proc\/\$\{/, /'running'/],
    why: 'The kernel gives pids out again. There is a process with this pid, but it is another one, that has nothing to do with the container.',
    shows: (_run, finding) => /another process has its pid/.test(finding.expected),
  },
  {
    slug: 'ticks-since-which-start',
    checks: ['lifecycle.8'],
    line: [/\/proc\/\$\{.*stat/, /'running'/],
    why: 'The start time of a process is counted from the start of the machine. After the next start the same number can come again, and so can the pid. The boot id says which start it was.',
    shows: (_run, finding) => /"running"/.test(finding.actual),
  },
  {
    slug: 'written-in-place',
    checks: ['lifecycle.9'],
    line: /writeFileSync\(.*(?:record|state|json)/i,
    why: 'To write a file anew is to empty it first. What came then failed, and the record was gone, with all that it had said before.',
    shows: () => true,
  },
  {
    slug: 'removed-while-it-runs',
    checks: ['lifecycle.10'],
    line: /rmSync\(/,
    why: 'The container still ran, and its files were taken away below it. Nobody can stop it any more by its id, for its record is gone, too.',
    shows: (_run, finding) => /refuses one that runs/.test(finding.expected),
  },
  {
    slug: 'cgroups-left-behind',
    checks: ['lifecycle.10'],
    line: /rmSync\(/,
    why: 'The one who removes the cgroups at the container’s end was killed. They are empty, but they stay until somebody removes them; and now their container is not even listed any more.',
    shows: (_run, finding) => finding.actual.startsWith('cgroup '),
  },
  {
    slug: 'host-let-go-before',
    checks: ['lifecycle.11'],
    why: 'When box.ts comes to mount the volumes, the old root is already detached, and with it everything of the host. They have to be mounted before.',
    shows: (run) => /ENOENT/.test(run.stderr) && findCall(run, 'umount2') !== undefined,
  },
  {
    slug: 'bind-ignores-read-only',
    checks: ['lifecycle.11'],
    man: 'mount(2)',
    why: 'A bind mount is made with the flags of what it shows, whatever else is asked for in the same call. Only a second call, a remount of it, makes it read-only.',
    shows: (run, finding) =>
      /could be written/.test(finding.actual) &&
      (findCall(run, 'mount', ({ args }) => /MS_BIND/.test(args[3] ?? '')) ?? true),
  },
  {
    slug: 'links-followed-on-the-host',
    checks: ['lifecycle.11'],
    man: 'path_resolution(7)',
    why: 'As long as / is the host’s, a link that says /tmp leads to the host’s /tmp: whoever can put a link into a volume decides where on the host something is made. In the container’s own root it leads to the container’s.',
    shows: (run, finding) =>
      /made on the host/.test(finding.actual) &&
      (run.trace.findLast(({ call, args }) => call === 'mount' && (args[3] ?? '') === 'MS_BIND') ?? true),
  },
  {
    slug: 'terminal-of-the-host',
    checks: ['lifecycle.12'],
    man: 'pts(4)',
    why: 'The command’s stdin is the host’s terminal. The container’s /dev/pts does not have that terminal, so the command can neither find out its name nor open it again. And the command can read what is typed at the host’s terminal, and push characters into its input.',
    shows: (run, finding) => finding.actual.startsWith('tty says') && (findCall(run, ['execvp', 'execvpe']) ?? true),
  },
  {
    slug: 'size-not-asked',
    checks: ['lifecycle.12'],
    man: 'TIOCGWINSZ(2const)',
    why: 'A new terminal has the size that whoever made it says; 0 rows of 0 columns, if nothing was said. The outer one knows what the user sees.',
    shows: (run, finding) => finding.actual.startsWith('its size is') && (findCall(run, 'openpty') ?? true),
  },
  {
    slug: 'size-only-once',
    checks: ['lifecycle.12'],
    man: 'signal(7)',
    why: 'The user can make the window larger at any time. The outer terminal learns it from its window; the inner one has nobody but box.ts.',
    shows: (run, finding) =>
      /when the outer one/.test(finding.expected) && (findCall(run, 'poll') ?? findCall(run, 'openpty') ?? true),
  },
];
