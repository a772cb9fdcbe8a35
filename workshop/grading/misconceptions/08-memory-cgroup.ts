// What people believe who fail level 08.
import type { Finding, Misconception } from '../finding.ts';

/** The number that a finding expected, and the one that was there. */
function numbers({ expected, actual }: Finding): [number, number] {
  return [Number(/\d{4,}/.exec(expected)?.[0] ?? NaN), Number(/\d+/.exec(actual)?.[0] ?? NaN)];
}

/** What box.ts said for itself, as the finding shows it. */
function said({ evidence = [] }: Finding): string {
  return evidence.join('\n');
}

const sizeLine = /parseInt|\bNumber\(|\*\s*(1024|1000|1e3|units?)|1000\b/;

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'names-of-the-other-version',
    checks: ['08.1', '08.2'],
    line: /memory\.(max|swap|limit|memsw)/,
    why: 'The two versions of cgroups have files of different names. A name that the directory does not have is refused by the kernel, even for root: look at which version the machine has before you write.',
    shows: (_run, finding) => /(EACCES|ENOENT|EPERM).*memory\.(max|swap\.max|limit_in_bytes|memsw)/.test(said(finding)),
  },
  {
    slug: 'minus-one-for-no-limit',
    checks: ['08.1', '08.2'],
    line: /-1/,
    why: 'On version 2 the word for "no limit" is max. A negative number is refused.',
    shows: (_run, finding) => /EINVAL/.test(said(finding)) && finding.expected.endsWith(' -1'),
  },
  {
    slug: 'sum-below-the-limit',
    checks: ['08.1', '08.2'],
    line: /memsw/,
    why: 'On version 1 the sum of memory and swap can never be less than the memory alone, and a new cgroup has no limits: so first memory.limit_in_bytes, then the sum, and the sum is what the user typed.',
    shows: (_run, finding) => /EINVAL/.test(said(finding)),
  },
  {
    slug: 'unit-not-understood',
    checks: ['08.1'],
    line: /\^|match|exec\(|test\(|endsWith|slice/,
    why: 'Sizes come as plain bytes and with k, m or g, in small letters and in capitals. One of these was refused.',
    shows: (_run, finding) => /never ran/.test(finding.actual) && /--memory/.test(said(finding)),
  },
  {
    slug: 'unit-ignored',
    checks: ['08.1'],
    line: sizeLine,
    why: 'parseInt reads digits as far as they go and forgets the rest: "64m" becomes 64 bytes, in which no program can run.',
    shows: (_run, finding) => {
      const [wanted, found] = numbers(finding);
      return found < wanted / 1000 || /never ran/.test(finding.actual);
    },
  },
  {
    slug: 'thousands-for-units',
    checks: ['08.1'],
    line: sizeLine,
    why: 'k, m and g are powers of 1024 here, as in docker and in the kernel. With powers of 1000 the limit is up to seven percent too low.',
    shows: (_run, finding) => {
      const [wanted, found] = numbers(finding);
      return found > wanted * 0.9 && found < wanted;
    },
  },
  {
    slug: 'option-ignored',
    checks: ['08.1'],
    line: /\bmemory\b/,
    why: 'The option is accepted, and the cgroup has no limit: the container may use up all the memory of the host.',
    shows: (_run, finding) => /it is (max|9223372036854771712)|in no cgroup/.test(finding.actual),
  },
  {
    slug: 'sum-taken-for-swap',
    checks: ['08.2'],
    line: /swap\.max/,
    why: 'docker counts memory and swap together, and so does version 1. memory.swap.max of version 2 is swap alone: what is more than the memory.',
    shows: (_run, finding) => {
      const [wanted, found] = numbers(finding);
      const memory = Number(/memory: (\d+)/.exec(finding.evidence?.[0] ?? '')?.[1]);
      return /swap alone/.test(finding.expected) && found === wanted + memory;
    },
  },
  {
    slug: 'swap-without-limit',
    checks: ['08.2'],
    line: /memsw|swap\.max|memorySwap === null/,
    why: 'A limit on memory alone does not hold much back where there is swap: the container goes on there, slowly, until the disk is full. Where the user says nothing, it gets as much swap as memory.',
    shows: (_run, finding) => /it is (max|9223372036854771712)/.test(finding.actual),
  },
  {
    slug: 'no-swap-by-default',
    checks: ['08.2'],
    line: /memorySwap === null/,
    why: 'Where --memory-swap is not given, docker allows as much swap as memory, so the sum is twice the memory. None at all is another meaning.',
    shows: (run, finding) => /--memory \d+K$/.test(/for (.*)$/.exec(finding.expected)?.[1] ?? '') && run !== null,
  },
  {
    slug: 'sum-not-checked',
    checks: ['08.3'],
    line: /function memoryLimits|memorySwap ===/,
    why: 'Memory and swap together cannot be less than memory alone, and without a limit on memory the sum says nothing. The kernel refuses some of this, long after the container was made; the user must hear it before, in words.',
    shows: (_run, finding) => /--memory-swap/.test(finding.expected) && !/nothing has been made/.test(finding.expected),
  },
  {
    slug: 'checked-too-late',
    checks: ['08.3'],
    line: /memoryLimits\(|bytesOf\(|limitMemory\(/,
    why: 'The words were looked at after the container had been made, and it was left behind. What can be known before anything is made must be checked before.',
    shows: (_run, finding) => /nothing has been made yet/.test(finding.expected),
  },
  {
    slug: 'size-not-checked',
    checks: ['08.3'],
    line: sizeLine,
    why: 'A word that is no size becomes NaN or something smaller than was meant. It must be refused in a sentence that names the option.',
    shows: (_run, finding) => /names the option/.test(finding.expected),
  },
  {
    slug: 'asked-after-the-end',
    checks: ['08.4'],
    line: /ranOut|oom/i,
    why: 'The cgroup counts how often the kernel had to kill. Once it has been removed, nobody can ask any more.',
    shows: (run) => run.exitCode === 125 && /ENOENT/.test(run.stderr),
  },
  {
    slug: 'cgroup-left-behind',
    checks: ['08.4'],
    line: /rmdir/,
    why: 'When a command was killed, there is still something to clean up: its cgroup stays until somebody removes it.',
    shows: (run) => run.cgroups.length > 0,
  },
  {
    slug: 'oom-not-reported',
    checks: ['08.4'],
    line: /oom|waitpid/i,
    why: 'All that the user sees is 137, as if somebody had killed the command. That the memory was used up stands in memory.events (version 2) or memory.oom_control (version 1), in the line oom_kill.',
    shows: (run) => run.exitCode === 137,
  },
  {
    slug: 'every-kill-is-oom',
    checks: ['08.5'],
    line: /signal === (9|linux\.SIGKILL)|137|oom/i,
    why: 'SIGKILL is how the kernel ends a process when memory is used up, but not every SIGKILL means that. The cgroup counts only its own.',
    shows: (_run, finding) => /no word of memory/.test(finding.expected),
  },
];
