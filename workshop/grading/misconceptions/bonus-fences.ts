// What people believe who fail the bonus level about fences.
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

const withOperation = (run: Run, operation: string): TraceLine | undefined =>
  findCall(run, 'prctl', ({ args }) => args[0] === operation);
const refusedCall = (run: Run, call: string | readonly string[]): TraceLine | undefined =>
  findCall(run, call, ({ errno }) => errno === 'EPERM' || errno === 'EACCES');
/** Whether both calls were made, in this order. */
const inOrder = (run: Run, first: TraceLine | undefined, second: TraceLine | undefined): boolean =>
  first !== undefined && second !== undefined && run.trace.indexOf(first) < run.trace.indexOf(second);
/** A mount over something in /proc or /sys. */
const covers = ({ call, args }: TraceLine): boolean => call === 'mount' && /\/(proc|sys)\/\w/.test(args[1] ?? '');
/** As the trace shows them, on x86-64 and arm64. */
const CLONE = ['56', '220'];
const CLONE3 = '435';

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'library-left-on-the-host',
    checks: ['fences.1'],
    man: 'chroot(2)',
    why: 'libseccomp is a file of the host. Once the root is the container, no library of the host can be opened any more. The filter has to be put together before that; the kernel can be given it later.',
    shows: (run) => run.stderr.includes('libseccomp.so.2 cannot be opened'),
  },
  {
    slug: 'filter-needs-no-new-privs',
    checks: ['fences.1', 'fences.7'],
    man: 'seccomp(2)',
    why: 'Being root is not enough: loading a filter takes CAP_SYS_ADMIN, which is not among the eleven that you kept. Without it no_new_privs must be set first. Otherwise a set-user-ID program could be started under a filter that makes its calls fail where it does not expect it.',
    shows: (run) => refusedCall(run, 'seccomp_load'),
  },
  {
    slug: 'filter-before-the-work',
    checks: ['fences.1', 'fences.7'],
    man: 'seccomp(2)',
    why: 'A filter holds for the process that loads it, from that moment on, and it cannot be taken away. What box.ts itself still has to do (clone, unshare, mount) must be done before.',
    shows(run) {
      const load = findCall(run, 'seccomp_load', ({ errno }) => errno === null);
      const work = refusedCall(run, ['clone', 'unshare', 'mount', 'umount2', 'pivot_root']);
      return inOrder(run, load, work) && load;
    },
  },
  {
    slug: 'clone-refused-altogether',
    checks: ['fences.1'],
    man: 'seccomp_rule_add(3)',
    why: 'C libraries make every new process with clone, and clone makes namespaces only if it is asked to. A rule without a comparison refuses all of it, so the command cannot start anything.',
    shows: (run) =>
      /can't fork|cannot fork/i.test(run.stderr) &&
      findCall(run, 'seccomp_rule_add', ({ args }) => args.length === 3 && CLONE.includes(args[2]!)),
  },
  {
    slug: 'capabilities-gone-too-early',
    checks: ['fences.1'],
    why: 'Mounting needs CAP_SYS_ADMIN. Everything that is mounted, covers included, has to be mounted before the capabilities are given up.',
    shows(run) {
      const mount = refusedCall(run, ['mount', 'umount2', 'pivot_root', 'sethostname']);
      return inOrder(run, findCall(run, 'capset'), mount) && mount;
    },
  },
  {
    slug: 'file-over-a-directory',
    checks: ['fences.1'],
    man: 'mount(2)',
    why: 'A file can be mounted on a file and a directory on a directory. /dev/null covers files. A directory is covered by an empty filesystem.',
    shows: (run) => findCall(run, 'mount', ({ errno }) => errno === 'ENOTDIR'),
  },
  {
    slug: 'paths-taken-for-granted',
    checks: ['fences.1'],
    man: 'proc(5)',
    why: 'Which files there are in /proc and /sys depends on how the kernel was built. What is not there needs no cover, and mounting something on it fails.',
    shows: (run) =>
      findCall(run, 'mount', (line) => line.errno === 'ENOENT' && covers(line)) ??
      /ENOENT: no such file or directory, l?stat '[^']*\/(proc|sys)\//.test(run.stderr),
  },
  {
    slug: 'exec-gives-root-all-again',
    checks: ['fences.1'],
    why: 'capset changes what a process has now. At the next exec the kernel computes it anew, and root is given all that is in the bounding set. That set has to become smaller, whatever other fences there are.',
    shows: (run) =>
      run.during !== null && withOperation(run, 'PR_CAPBSET_DROP') === undefined && findCall(run, 'capset'),
  },
  {
    slug: 'dropped-what-is-known',
    checks: ['fences.1'],
    why: 'A list of what is dangerous is never complete, and the next kernel brings something new. What counts is the list of what is kept: everything else goes, also what has no name yet.',
    shows: (run) => run.during !== null && withOperation(run, 'PR_CAPBSET_DROP'),
  },
  {
    slug: 'inherited-sets-kept',
    checks: ['fences.2'],
    man: 'capset(2)',
    why: 'The bounding set does not stand above the inheritable set: it limits only what an exec takes from the file. What is inheritable, an exec by root adds besides, unless another fence such as no_new_privs happens to stop it. It came from whoever started box.ts, and only capset takes it away.',
    shows: (run, finding) =>
      /inheritable|ambient/.test(finding.actual) &&
      (findCall(run, 'capset') ?? withOperation(run, 'PR_CAP_AMBIENT') ?? true),
  },
  {
    slug: 'no-new-privs-forgotten',
    checks: ['fences.3'],
    man: 'PR_SET_NO_NEW_PRIVS(2const)',
    line: /seccomp_load\(/,
    why: 'A process with CAP_SYS_ADMIN may load a filter without no_new_privs. But the two are different fences: without no_new_privs, a user in the container still becomes root by executing a set-user-ID file.',
    shows: (run) => withOperation(run, 'PR_SET_NO_NEW_PRIVS') === undefined,
  },
  {
    slug: 'filter-never-loaded',
    checks: ['fences.4'],
    man: 'seccomp_load(3)',
    why: 'seccomp_init and seccomp_rule_add only put a filter together, in the memory of this process. The kernel knows nothing of it until it is loaded.',
    shows: (run) =>
      findCall(run, 'seccomp_load', ({ errno }) => errno === null) === undefined && findCall(run, 'seccomp_init'),
  },
  {
    slug: 'clone3-not-permitted',
    checks: ['fences.5'],
    man: 'clone(2)',
    why: 'The C library tries clone3 first. "Not permitted" is an answer that it believes, and then no thread can be made. "No such system call" makes it try clone.',
    shows: (run, finding) =>
      /clone3 answers: EPERM/.test(finding.actual) &&
      findCall(run, 'seccomp_rule_add', ({ args }) => args[2] === CLONE3),
  },
  {
    slug: 'flags-compared-as-a-whole',
    checks: ['fences.5'],
    man: 'seccomp_rule_add(3)',
    why: 'The first argument of clone holds many flags at once, and the number of a signal. It is hardly ever equal to one flag. The comparison has to look at one bit and leave out the others.',
    shows: (run) => findCall(run, 'seccomp_rule_add', ({ args }) => /"op":4/.test(args[3] ?? '')),
  },
  {
    slug: 'clone-forgotten',
    checks: ['fences.5'],
    man: 'clone(2)',
    why: 'unshare is not the only call that makes namespaces. clone makes them together with a process, as your box.ts does itself.',
    shows: (run, finding) =>
      /made by: .*clone/.test(finding.actual) &&
      (findCall(run, 'seccomp_rule_add', ({ args }) => args.length <= 3) ?? true),
  },
  {
    slug: 'covered-the-old-root',
    checks: ['fences.6'],
    man: 'pivot_root(2)',
    why: 'The covers were put on the /proc and /sys that belong to the old root. They went with it. What the container sees are the mounts below its own root.',
    shows: (run) => run.trace.find((line) => covers(line) && /^"\/(proc|sys)\//.test(line.args[1] ?? '')),
  },
  {
    slug: 'bind-takes-no-other-flags',
    checks: ['fences.6'],
    why: 'A bind mount has the flags of the mount that it shows; the others in the same call are left out, without an error. They are set by a second call, a remount of that mount.',
    shows: (run) =>
      run.trace.find(
        (line) =>
          covers(line) &&
          /\bMS_BIND\b/.test(line.args[3] ?? '') &&
          /\bMS_RDONLY\b/.test(line.args[3] ?? '') &&
          !/\bMS_REMOUNT\b/.test(line.args[3] ?? ''),
      ),
  },
  {
    slug: 'sys-left-writable',
    checks: ['fences.6'],
    why: "What you see in /sys is the host: its devices, its drivers, its power management. Root in a container would write there as root of the host does. Hardly anything of it is the container's own, so all of it is mounted read-only.",
    shows: (run, finding) =>
      /can be written: \/sys(;|$)/.test(finding.actual) && findCall(run, 'mount', ({ args }) => args[2] === '"sysfs"'),
  },
  {
    slug: 'the-filesystem-made-read-only',
    checks: ['fences.7'],
    man: 'mount(2)',
    why: 'A remount without MS_BIND changes the filesystem itself, in all places where it is mounted: now the whole of /proc is read-only. With MS_BIND it changes this one mount.',
    shows: (run) =>
      run.trace.find(
        (line) => covers(line) && /\bMS_REMOUNT\b/.test(line.args[3] ?? '') && !/\bMS_BIND\b/.test(line.args[3] ?? ''),
      ),
  },
  {
    slug: 'capabilities-after-the-user',
    checks: ['fences.7'],
    why: 'Taking something out of the bounding set needs CAP_SETPCAP, and after setuid a process has no capability at all. So the capabilities are limited first, and the user comes after them.',
    shows: (run) => refusedCall(run, 'prctl') ?? refusedCall(run, 'capset'),
  },
  {
    slug: 'left-with-nothing',
    checks: ['fences.7'],
    why: 'Root in a container manages the files, the users and the processes of the container, and box.ts itself still has to become the user. CAP_SETUID, CAP_SETGID and the others of the eleven have to stay.',
    shows: (run) => {
      const ids = refusedCall(run, ['setgroups', 'setgid', 'setuid']);
      return inOrder(run, findCall(run, 'capset'), ids) && findCall(run, 'capset');
    },
  },
];
