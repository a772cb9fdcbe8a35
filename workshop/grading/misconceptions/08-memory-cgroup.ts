// What people believe who fail level 08.
import fs from 'node:fs';
import { cgroupsFor } from '../cgroups.ts';
import { findCall, type Finding, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** The number of bytes that a finding expected, and the one that was there; NaN where it is no number. */
function numbers({ expected, actual }: Finding): [number, number] {
  return [Number(/(\d+) bytes/.exec(expected)?.[1]), Number(/(\d+) bytes/.exec(actual)?.[1])];
}

/** Whether box.ts refused the words that were typed: it said so before it made a child. */
function refused(run: Run): boolean {
  return run.exitCode === 125 && findCall(run, 'clone') === undefined && run.stderr.includes('--memory');
}

/** Whether a word was typed for a size that is none. */
function typedNoSize({ scenario: { args } }: Run): boolean {
  const typed = args.filter((_word, place) => args[place - 1]?.startsWith('--memory'));
  return typed.some((word) => !/^(-1|\d+[bkmg]?)$/i.test(word));
}

/** Whether the kernel did not take a number that was written into a file. */
function notTaken({ stderr, exitCode }: Run): boolean {
  return exitCode === 125 && /(EINVAL|EBUSY|ERANGE).*write/.test(stderr);
}

/** Whether box.ts failed at a line that has such words. */
function failedAt({ stderr, file }: Run, words: RegExp): boolean {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return [...stderr.matchAll(/(\/[^\s():]+):(\d+)/g)].some(
    ([, name, line]) => file.endsWith(name!.split('/').at(-1)!) && words.test(lines[Number(line) - 1] ?? ''),
  );
}

/** What one of the run's cgroups says in a file. */
function valueOf(run: Run, name: string): string | undefined {
  const all = cgroupsFor('memory', run.during?.host.cgroups ?? []);
  return all.map(({ files }) => files[name]).find((value) => value !== undefined && !isNone(value));
}

function isNone(value: string): boolean {
  return value === 'max' || Number(value) > 2 ** 60;
}

/** The file with the counter, of the cgroup above the container's. */
const counterAbove = /\b(dirname|parent)\b.*(\bfile\b|events|oom)/;
const sizeLine = /parseInt|parseFloat|\bNumber\(|\*\s*(1024|1000|1e3|units?)|1000\b/;
const refusalLine = /function memoryLimits|memorySwap ===/;

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'controller-not-handed-down',
    checks: ['08.1'],
    line: /subtree_control/,
    why: 'On version 2 a cgroup has the files of a controller only if every cgroup above it hands that controller down, in cgroup.subtree_control. The one for the CPU says nothing of memory: each is named by itself.',
    shows: (run, finding) =>
      /has no memory\.max/.test(finding.actual) ||
      (/(EACCES|ENOENT|EPERM).*memory\.(max|swap\.max)/.test(run.stderr) &&
        !run.before.mounts.some(({ type, superOptions }) => type === 'cgroup' && superOptions.includes('memory'))),
  },
  {
    slug: 'names-of-the-other-version',
    checks: ['08.1'],
    line: /memory\.(max|swap|limit|memsw)/,
    why: 'The two versions of cgroups have files of different names. A name that the directory does not have is refused by the kernel, even for root: look at which version the machine has before you write.',
    shows: (run) => /(EACCES|ENOENT|EPERM).*memory\.(max|swap\.max|limit_in_bytes|memsw)/.test(run.stderr),
  },
  {
    slug: 'wrong-word-for-no-limit',
    checks: ['08.1'],
    line: [/write\w*\(.*(swap|memsw)/i, /'-1'|'max'|Infinity/],
    why: 'Each version has a word of its own for "no limit": max on version 2, -1 on version 1. The kernel refuses any other, and so it does the Infinity of JavaScript.',
    shows: (run) => notTaken(run) && run.scenario.args.includes('-1'),
  },
  {
    slug: 'shifted-out-of-range',
    checks: ['08.1'],
    line: /<</,
    why: 'In JavaScript << works with 32 bits, one of which is the sign. From 2 GiB on the result is negative or 0. Multiply instead: numbers are exact up to 2 ** 53.',
    shows: (run, finding) =>
      run.scenario.args.includes('2g') && /<</.test(fs.readFileSync(run.file, 'utf8')) && finding.actual !== '',
  },
  {
    slug: 'sum-below-the-limit',
    checks: ['08.1'],
    line: /memsw/,
    why: 'On version 1 the sum of memory and swap can never be less than the memory alone, and a new cgroup has no limits: so first memory.limit_in_bytes, then the sum, and the sum is what the user typed.',
    shows: (run) => notTaken(run) && failedAt(run, /swap|memsw/i),
  },
  {
    slug: 'no-number-at-all',
    checks: ['08.1'],
    line: sizeLine,
    why: 'Number() takes a whole word or nothing: Number("64m") is NaN, and the kernel does not take that for a limit.',
    shows: notTaken,
  },
  {
    slug: 'compared-as-words',
    checks: ['08.1'],
    line: /(memorySwap|swap)!? <=? memory\b/i,
    why: 'What the user typed are words, and words are compared letter by letter: "128m" comes before "64m". Make bytes of both first.',
    shows: (run) => refused(run) && /\b(less|smaller|lower|below) than\b/i.test(run.stderr),
  },
  {
    slug: 'unit-not-understood',
    checks: ['08.1'],
    line: /\^|match|exec\(|test\(|endsWith|slice/,
    why: 'Sizes come as plain bytes and with b, k, m or g, in small letters and in capitals. One of these was refused.',
    shows: refused,
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
    slug: 'unit-ignored',
    checks: ['08.1'],
    line: sizeLine,
    why: 'parseInt reads digits as far as they go and forgets the rest: "64m" becomes 64 bytes, in which no program can run.',
    shows: (run, finding) => {
      const [wanted, found] = numbers(finding);
      return found < wanted / 1000 || (/never ran/.test(finding.actual) && run.exitCode === 137);
    },
  },
  {
    slug: 'memory-cgroup-not-joined',
    checks: ['08.1'],
    line: /cgroup\.procs/,
    why: 'On version 1 each controller has a tree of its own. Being in a cgroup for the CPU says nothing of memory: the container has to join in both trees.',
    shows: (_run, finding) => /in no cgroup of its own/.test(finding.actual) && (finding.evidence ?? []).length > 1,
  },
  {
    slug: 'throttled-instead-of-limited',
    checks: ['08.1'],
    line: /memory\.(high|soft_limit)/,
    why: 'memory.high (version 1: memory.soft_limit_in_bytes) is where the kernel begins to slow a container down or to take pages back. Nobody is stopped there. The limit that holds is memory.max (memory.limit_in_bytes).',
    shows: (run) => ['memory.high', 'memory.soft_limit_in_bytes'].some((name) => valueOf(run, name) !== undefined),
  },
  {
    slug: 'limit-on-the-cgroup-above',
    checks: ['08.1', '08.5'],
    line: /(dirname|parent|boxwright).*memory\.(max|limit)|(dirname|parent)\b.*limit\b|limit.*(dirname|parent)/i,
    why: 'The limit was written into the cgroup above the containers. There it holds for all of them together, and the next container changes it for those that are running. A limit for one container is set in its own cgroup.',
    shows: (run, finding) =>
      /which all containers share/.test(finding.expected) ||
      (/no limit/.test(finding.actual) &&
        ['memory.max', 'memory.limit_in_bytes'].some((name) => valueOf(run, name) !== undefined)),
  },
  {
    slug: 'option-ignored',
    checks: ['08.1'],
    line: /\bmemory\b/,
    why: 'The option is accepted, and while the command runs its cgroup has no limit: the container may use up all the memory of the host.',
    shows: (_run, finding) => /it is no limit|in no cgroup|has no memory/.test(finding.actual),
  },
  {
    slug: 'sum-taken-for-swap',
    checks: ['08.2'],
    line: /swap\.max/,
    why: 'docker counts memory and swap together, and so does version 1. memory.swap.max of version 2 is swap alone: what is more than the memory.',
    shows: (run, finding) => {
      const [wanted, found] = numbers(finding);
      const memory = Number(valueOf(run, 'memory.max'));
      return /swap alone/.test(finding.expected) && found === (Number.isNaN(wanted) ? 0 : wanted) + memory;
    },
  },
  {
    slug: 'no-swap-is-no-number',
    checks: ['08.2'],
    // A condition that compares nothing asks for more than 0.
    line: [/if \([^()=<>!]*(swap|total)[^()=<>!]*\)/i, /if \(.*(swap|total)/i],
    why: 'Where memory and swap together are as much as memory alone, there is to be no swap: 0 bytes. This is a limit, and the strictest. Whoever tests for it with if (…) takes 0 for "not given", and the container gets all the swap of the host.',
    shows: (_run, finding) => finding.expected.startsWith('0 bytes'),
  },
  {
    slug: 'swap-without-limit',
    checks: ['08.2'],
    line: /memsw|swap\.max|memorySwap === null/,
    why: 'A limit on memory alone does not hold much back where there is swap: the container goes on there, slowly, until the disk is full. Where the user says nothing, it gets as much swap as memory.',
    shows: (_run, finding) => /it is no limit/.test(finding.actual),
  },
  {
    slug: 'no-swap-by-default',
    checks: ['08.2'],
    line: /memorySwap === null|memorySwap \?\?/,
    why: 'Where --memory-swap is not given, docker allows as much swap as memory, so the sum is twice the memory. None at all is another meaning.',
    shows: (run) => !run.scenario.args.includes('--memory-swap'),
  },
  {
    slug: 'empty-is-not-given',
    checks: ['08.3'],
    line: /!memory\b|memory \?(?!\?)|memory \|\||if \(memory\)/,
    why: 'An empty string is falsy in JavaScript. A variable that somebody forgot to set becomes a container without a limit. "Not given" is null, and only that.',
    shows: (run, finding) => /the command ran/.test(finding.actual) && run.scenario.args.includes(''),
  },
  {
    slug: 'checked-too-late',
    checks: ['08.3'],
    line: /memoryLimits\(|bytesOf\(|limitMemory\(/,
    why: 'The words were looked at after the container had been made, and it was left behind. What can be known before anything is made must be checked before.',
    shows: (_run, finding) => /nothing has been made yet/.test(finding.expected),
  },
  {
    slug: 'left-where-a-limit-fails',
    checks: ['08.3'],
    line: /limitMemory\(/,
    why: 'The kernel did not take the limit, and the cgroup that was made for it stayed. An error leaves a function at once: what comes after it does not happen. Remove the cgroups where the error is caught, then pass it on.',
    shows: (_run, finding) => /no cgroup is left/.test(finding.expected),
  },
  {
    slug: 'refused-without-a-name',
    checks: ['08.3'],
    why: 'It is refused, and nobody can see why: the sentence does not say which of the options is meant. Name the option, and the word that was typed.',
    shows: (run, finding) =>
      /does not name/.test(finding.actual) && run.containers.length === 0 && findCall(run, 'clone') === undefined,
  },
  {
    slug: 'size-not-checked',
    checks: ['08.3'],
    line: sizeLine,
    why: 'A word that is no size becomes NaN or something smaller than was meant. It must be refused in a sentence that names the option.',
    shows: (run, finding) => /names --memory/.test(finding.expected) && typedNoSize(run),
  },
  {
    slug: 'sum-not-checked',
    checks: ['08.3'],
    line: refusalLine,
    why: 'Memory and swap together cannot be less than memory alone, and without a limit on memory the sum says nothing. The kernel refuses some of this, long after the container was made; the user must hear it before, in words.',
    shows: (run) => run.scenario.args.includes('--memory-swap'),
  },
  {
    slug: 'asked-after-the-end',
    checks: ['08.4'],
    line: /ranOut|oom/i,
    why: 'The cgroup counts how often the kernel had to kill. Once it has been removed, nobody can ask any more.',
    shows: (run) => run.exitCode === 125 && /ENOENT/.test(run.stderr),
  },
  {
    slug: 'oom-is-no-failure-of-the-runtime',
    checks: ['08.4'],
    line: [/throw .*memory/i, /oom/i],
    why: 'box.ts has done its work: the command ran, and was ended. 125 says that box.ts itself failed. Report what happened on stderr, and return the status of the command as always; an error that is thrown here also leaves the cgroup behind.',
    shows: (run) => run.exitCode === 125 && /memory|oom/i.test(run.stderr),
  },
  {
    slug: 'cgroup-left-behind',
    checks: ['08.4'],
    line: /rmdir/,
    why: 'When a command was killed, there is still something to clean up: its cgroup stays until somebody removes it.',
    shows: (run) => run.cgroups.length > 0,
  },
  {
    slug: 'counter-of-all-containers',
    checks: ['08.4', '08.5'],
    line: counterAbove,
    why: 'On version 2 memory.events of a cgroup counts for all below it as well. The one above the containers remembers what happened to any of them since it was made.',
    shows: (run, finding) =>
      /says the same of a container|no word of/.test(finding.actual + finding.expected) &&
      counterAbove.test(fs.readFileSync(run.file, 'utf8')),
  },
  {
    slug: 'line-taken-for-number',
    checks: ['08.4'],
    line: [/(includes|test|match|indexOf)\(.*oom/, /oom/],
    why: 'The line oom_kill is always there. What counts is the number behind it: 0 as long as the kernel did not have to kill.',
    shows: (_run, finding) => /says the same of a container/.test(finding.actual),
  },
  {
    slug: 'said-on-stdout',
    checks: ['08.4'],
    line: [/(console\.log|stdout).*memory/i, /console\.log|stdout/],
    why: 'stdout belongs to the command: what box.ts prints there comes into the file or the pipe that is meant for the output of the command. What box.ts has to say goes to stderr.',
    shows: (run) => run.exitCode === 137 && /memory|oom/i.test(run.stdout),
  },
  {
    slug: 'wrong-counter',
    checks: ['08.4'],
    line: [/under_oom|oom_kill_disable/, counterAbove, /oom_control|memory\.events/],
    why: 'box.ts looks for a number that says that the kernel had to kill, and finds none. It is in the line oom_kill, in the file of the cgroup that the container was in. under_oom is about this moment only, and on version 1 the cgroup above does not count what happens below it.',
    shows: (run) => run.exitCode === 137 && /oom_control|memory\.events/.test(fs.readFileSync(run.file, 'utf8')),
  },
  {
    slug: 'oom-not-reported',
    checks: ['08.4'],
    line: /oom|waitpid/i,
    why: 'All that the user sees is 137, as if somebody had killed the command. That the memory was used up stands in memory.events (version 2) or memory.oom_control (version 1) of the container itself, in the line oom_kill, and on stderr a user looks for it.',
    shows: (run) => run.exitCode === 137,
  },
  {
    slug: 'every-kill-is-oom',
    checks: ['08.5'],
    line: /signal === (9|linux\.SIGKILL)|137|oom/i,
    why: 'SIGKILL is how the kernel ends a process when memory is used up, but not every SIGKILL means that. The cgroup counts only its own.',
    shows: (_run, finding) => /no word of/.test(finding.expected),
  },
];
