// What must be true of level 08.
import { grade } from '#grading';
import { cgroupOf } from '#grading/cgroups';
import { showEnd, showStderr, type Finding } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/08-memory-cgroup';
import { pickNumber, randomWord } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';

const { scenario, check } = grade('08-memory-cgroup', misconceptions);

const MiB = 1024 ** 2;
const image = ['-i', 'busybox'];

/** A container with limits, whose command holds still to be looked at. */
function limited(options: readonly string[], rest: Pick<Scenario, 'meanwhile' | 'exits'> = {}): Scenario {
  const holdWord = `hold-${randomWord()}`;
  const script = holdStill(holdWord, '', rest.exits === undefined ? '' : `exit ${rest.exits}`);
  return {
    host: 'memory',
    args: [...image, ...options, '/bin/sh', '-c', script],
    holdWord,
    reproduce: `${options.join(' ')} sleep 60`,
    ...rest,
  };
}

// A program that takes all the memory that it can get, beside a container that is none of its business.
const greedyLimit = pickNumber(12, 24);
const greedy = scenario({
  args: [...image, '--memory', `${greedyLimit}m`, 'tail', '/dev/zero'],
  reproduce: `--memory ${greedyLimit}m tail /dev/zero`,
});
const megabytes = pickNumber(40, 60);
const inMegabytes = scenario(
  limited(['--memory', `${megabytes}m`, '--memory-swap', `${megabytes + 16}M`], {
    meanwhile: greedy.scenario,
    exits: pickNumber(3, 99),
  }),
);
const pages = pickNumber(8000, 12_000);
const inBytes = scenario(limited(['--memory', String(pages * 4096), '--memory-swap', '-1']));
const kilobytes = 4 * pickNumber(8000, 12_000);
const inKilobytes = scenario(limited(['--memory', `${kilobytes}K`], { meanwhile: 'kill-command' }));
const inGigabytes = scenario(limited(['--memory', '1g', '--memory-swap', '3g']));

const refusals = [
  ['--memory', '5x'],
  ['--memory', ''],
  ['--memory', 'm'],
  ['--memory', '64m', '--memory-swap', '32m'],
  ['--memory-swap', '64m'],
].map((options) =>
  scenario({
    host: 'memory',
    args: [...image, ...options, '/bin/sh', '-c', 'echo it ran'],
    reproduce: `${options.map((word) => (word === '' ? "''" : word)).join(' ')} true`,
  }),
);

/** What is to be set: of memory, and of memory and swap together, in bytes. */
const asked = [
  { of: inMegabytes, memory: megabytes * MiB, total: (megabytes + 16) * MiB },
  { of: inBytes, memory: pages * 4096, total: Infinity },
  { of: inKilobytes, memory: kilobytes * 1024, total: 2 * kilobytes * 1024 },
  { of: inGigabytes, memory: 1024 * MiB, total: 3 * 1024 * MiB },
];

/** The memory cgroup of the run's command. */
function memoryCgroup(run: Run): ReturnType<typeof cgroupOf> {
  const command = run.during?.commands[0];
  return command === undefined ? undefined : cgroupOf(command.pid, 'memory', run.during!.host.cgroups);
}

/** A limit in bytes: v1 shows none as a number near 2^63, v2 as a word. */
function bytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === 'max' || Number(text) > 2 ** 60 ? Infinity : Number(text);
}

check('08.1', 'its memory is limited to what was asked for', {
  of: inMegabytes,
  why: 'A cgroup that is limited holds all processes of a container together: what one of them takes, the others cannot have. The limit is a number of bytes in a file of the cgroup.',
  man: 'cgroups(7)',
  holds() {
    for (const { of, memory } of asked) {
      const run = of.run!;
      const expected = `a limit of ${memory} bytes for ${of.scenario.reproduce.replace(/ sleep 60$/, '')}`;
      const cgroup = memoryCgroup(run);
      if (run.during?.commands[0] === undefined) {
        return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
      }
      if (cgroup === undefined) return { expected, actual: 'the command is in no cgroup of its own for memory' };
      const file = cgroup.version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
      if (bytes(cgroup.files[file]) === memory) continue;
      return {
        expected,
        actual: `it is ${cgroup.files[file]}`,
        evidence: [`cgroup v${cgroup.version} ${cgroup.path}/${file}: ${cgroup.files[file]}`],
      };
    }
    return undefined;
  },
});

check('08.2', 'memory and swap together are limited to what was asked for', {
  of: inMegabytes,
  needs: ['08.1'],
  why: 'A program that may not have more memory may still be moved to the disk. --memory-swap is the sum of both. Version 1 limits the sum, version 2 the swap alone.',
  man: 'cgroups(7)',
  holds() {
    for (const { of, memory, total } of asked) {
      const cgroup = memoryCgroup(of.run!)!;
      const file = cgroup.version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
      const shown = cgroup.files[file];
      // A kernel that does not count swap has no such file: the doctor says so.
      if (shown === undefined) continue;
      const wanted = cgroup.version === 1 ? total : total - memory;
      if (bytes(shown) === wanted) continue;
      const swap = cgroup.version === 1 ? 'memory and swap together' : 'swap alone';
      return {
        expected: `${wanted === Infinity ? 'no limit' : `${wanted} bytes`} in ${file} (${swap}) for ${of.scenario.reproduce.replace(/ sleep 60$/, '')}`,
        actual: `it is ${shown}`,
        evidence: [`cgroup v${cgroup.version} ${cgroup.path}/${file}: ${shown}; memory: ${memory}`],
      };
    }
    return undefined;
  },
});

check('08.3', 'what cannot be meant is refused, before anything is made', {
  of: refusals[0]!,
  why: 'A limit that was misunderstood is worse than none: nobody notices until something is killed. What cannot be meant is said in a sentence that names the option, and nothing is made.',
  man: 'cgroups(7)',
  holds() {
    for (const { run, scenario: one } of refusals) {
      const finding = refusal(run!, one);
      if (finding !== undefined) return finding;
    }
    return undefined;
  },
});

function refusal(run: Run, one: Scenario): Finding | undefined {
  const options = one.reproduce.replace(/ true$/, '');
  const expected = `for ${options}: status 125, and a sentence that names the option`;
  if (run.stdout.includes('it ran')) return { expected, actual: 'the command ran' };
  if (run.exitCode !== 125) return { expected, actual: showEnd(run), evidence: showStderr(run) };
  if (!run.stderr.includes('--memory')) {
    return { expected, actual: 'stderr does not name the option', evidence: showStderr(run) };
  }
  const left = [...run.containers.map(({ path }) => path), ...run.cgroups];
  if (left.length === 0) return undefined;
  return {
    expected: `for ${options}: that nothing has been made yet`,
    actual: `left behind: ${left.slice(0, 3).join(', ')}`,
  };
}

check('08.4', 'a program that takes more is killed, box.ts says why, and the status is 137', {
  of: greedy,
  needs: ['08.1'],
  why: 'The kernel ends a process of a cgroup that has used up its memory, with SIGKILL. From the status alone nobody can tell this from any other SIGKILL: the cgroup counts it, and box.ts must ask before it removes the cgroup.',
  man: 'cgroups(7)',
  holds(run) {
    if (run.exitCode !== 137) return { expected: 'status 137', actual: showEnd(run), evidence: showStderr(run) };
    if (!/memory/i.test(run.stderr)) {
      return {
        expected: 'a line on stderr which says that the container ran out of memory',
        actual: run.stderr.trim() === '' ? 'stderr is empty' : 'it says nothing of memory',
        evidence: showStderr(run),
      };
    }
    if (run.cgroups.length === 0) return undefined;
    return { expected: 'that its cgroups are gone', actual: `left behind: ${run.cgroups.join(', ')}` };
  },
});

check('08.5', 'only that container notices, and another SIGKILL is not called lack of memory', {
  of: inMegabytes,
  needs: ['08.4'],
  why: 'The limit belongs to one cgroup: a container beside it goes on. And a command that somebody else killed has not run out of memory, although its status is 137, too.',
  man: 'cgroups(7)',
  holds(run) {
    if (run.exitCode !== run.scenario.exits) {
      return {
        expected: `that a container beside it goes on, and ends with status ${run.scenario.exits}`,
        actual: showEnd(run),
        evidence: showStderr(run),
      };
    }
    if (/memory/i.test(run.stderr)) {
      return { expected: 'no word of memory for a container that kept its limit', actual: run.stderr.trim() };
    }
    const killed = inKilobytes.run!;
    if (killed.exitCode !== 137) {
      return { expected: 'status 137 for a command that was killed from outside', actual: showEnd(killed) };
    }
    if (!/memory/i.test(killed.stderr)) return undefined;
    return {
      expected: 'no word of memory for a command that somebody killed',
      actual: `stderr: ${killed.stderr.trim().split('\n')[0]}`,
    };
  },
});
