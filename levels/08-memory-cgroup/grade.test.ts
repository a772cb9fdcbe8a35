// What must be true of level 08.
import { grade, type PlannedRun } from '#grading';
import { type Cgroup, cgroupPathOf, cgroupsAbove, cgroupsFor } from '#grading/cgroups';
import { showEnd, showStderr, type Finding } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/08-memory-cgroup';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { tour } from '#grading/tour';

const { pickNumber, randomWord } = choices('08-memory-cgroup');
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

// A program that takes much at once, beside a container that is none of its business. Without a limit it ends soon.
const greedyLimit = pickNumber(12, 24);
const greedy = scenario({
  args: [...image, '--memory', `${greedyLimit}m`, ...'dd if=/dev/zero of=/dev/null bs=200M count=1'.split(' ')],
  reproduce: `--memory ${greedyLimit}m dd if=/dev/zero of=/dev/null bs=200M count=1`,
});
const megabytes = pickNumber(40, 60);
const withSwap = (megabytes + 60) * MiB;
const inMegabytes = scenario(
  limited(['--memory', `${megabytes}M`, '--memory-swap', `${withSwap}b`], {
    meanwhile: greedy.scenario,
    exits: pickNumber(3, 99),
  }),
);
const pages = pickNumber(8000, 12_000);
const inBytes = scenario(limited(['--memory', String(pages * 4096), '--memory-swap', '-1']));
const kilobytes = 4 * pickNumber(8000, 12_000);
const inKilobytes = scenario(limited(['--memory', `${kilobytes}k`], { meanwhile: 'kill-command' }));
/** A container without any limit. */
const unlimited = scenario(tour);
const inGigabytes = scenario(limited(['--memory', '2g', '--memory-swap', '2G']));

/** A container that must not be made. */
function refused(...options: string[]): PlannedRun {
  return scenario({
    host: 'memory',
    args: [...image, ...options, '/bin/sh', '-c', 'echo it ran'],
    reproduce: `${options.map((word) => (word === '' ? "''" : word)).join(' ')} true`,
  });
}

const refusals = [
  { option: '--memory', of: refused('--memory', '5x') },
  { option: '--memory', of: refused('--memory', 'x64m') },
  { option: '--memory', of: refused('--memory', '') },
  { option: '--memory', of: refused('--memory', 'm') },
  { option: '--memory-swap', of: refused('--memory', '64m', '--memory-swap', '5x') },
  { option: '--memory', of: refused('--memory', '64m', '--memory-swap', '32m') },
  { option: '--memory', of: refused('--memory-swap', '64m') },
];
/** A size, and yet more than the kernel takes for one: whoever does not refuse it has made a cgroup when it does. */
const tooMuch = refused('--memory', `1${'0'.repeat(24)}`);

/** What is to be set: of memory, and of memory and swap together, in bytes. */
const asked = [
  { of: inMegabytes, memory: megabytes * MiB, total: withSwap },
  { of: inBytes, memory: pages * 4096, total: Infinity },
  { of: inKilobytes, memory: kilobytes * 1024, total: 2 * kilobytes * 1024 },
  { of: inGigabytes, memory: 2048 * MiB, total: 2048 * MiB },
];
const limitedRuns = [...asked.map(({ of }) => of), unlimited];

const limitFiles = {
  1: { memory: 'memory.limit_in_bytes', swap: 'memory.memsw.limit_in_bytes' },
  2: { memory: 'memory.max', swap: 'memory.swap.max' },
} as const;

/** The options of a run, as they were typed. */
function options({ scenario: { reproduce } }: Run): string {
  return reproduce.replace(/ (sleep 60|true)$/, '');
}

/** The limits of a run's cgroups while it goes on, seen from the host. */
function seenOnHost(run: Run): string {
  const files = ['max', 'swap.max', 'limit_in_bytes', 'memsw.limit_in_bytes'].map((name) => `--include=memory.${name}`);
  return `box run ${options(run)} sh -c "echo in; sleep 5" | { read in; grep -r . /sys/fs/cgroup ${files.join(' ')}; }`;
}

/**
 * The cgroups that limit a run's command, from its own one upwards: those of this container, and those that other
 * containers are in, too.
 */
function cgroupsAround(run: Run): { own: Cgroup[]; shared: Cgroup[] } {
  const command = run.during!.commands[0]!;
  const others = [inMegabytes, inKilobytes, unlimited].map((one) => one.run!).filter((one) => one !== run);
  const neighbour = others.map(({ during }) => during?.commands[0]).find((one) => one !== undefined);
  const beside = neighbour === undefined ? '/' : cgroupPathOf(neighbour, 'memory');
  const all = cgroupsFor('memory', run.during!.host.cgroups);
  const path = cgroupPathOf(command, 'memory');
  const around = [path, ...cgroupsAbove(path)].flatMap((name) => all.filter((cgroup) => cgroup.path === name));
  const isShared = (cgroup: Cgroup): boolean => cgroup.path === beside || beside.startsWith(`${cgroup.path}/`);
  return { own: around.filter((cgroup) => !isShared(cgroup)), shared: around.filter(isShared) };
}

/** The lowest limit in bytes that a file of these cgroups sets; undefined where none of them has it. */
function lowest(cgroups: readonly Cgroup[], file: string): number | undefined {
  const values = cgroups.flatMap(({ files }) => {
    const text = files[file];
    // v1 shows no limit as a number near 2^63, v2 as a word.
    return text === undefined ? [] : [text === 'max' || Number(text) > 2 ** 60 ? Infinity : Number(text)];
  });
  return values.length === 0 ? undefined : Math.min(...values);
}

function showLimit(bytes: number): string {
  return bytes === Infinity ? 'no limit' : `${bytes} bytes`;
}

function showFiles(cgroups: readonly Cgroup[]): string[] {
  return cgroups.flatMap(({ path, files }) =>
    Object.entries(files)
      .filter(([name]) => /^memory\.(?!oom|events)|^cgroup\./.test(name))
      .map(([name, value]) => `${path}/${name}: ${value === '' ? '(empty)' : value}`),
  );
}

check('08.1', 'its memory is limited to what was asked for', {
  of: inMegabytes,
  and: limitedRuns,
  shownBy: seenOnHost,
  why: 'A cgroup that is limited holds all processes of a container together: what one of them takes, the others cannot have. The limit is a number of bytes in a file of the cgroup.',
  man: 'cgroups(7)',
  holds() {
    for (const { of, memory } of asked) {
      const run = of.run!;
      const expected = `a limit of ${memory} bytes for ${options(run)}`;
      if (run.during?.commands[0] === undefined) {
        return { expected, actual: `the command never ran: ${showEnd(run)}`, seenIn: run };
      }
      const { own, shared } = cgroupsAround(run);
      if (own.length === 0) {
        const actual = 'the command is in no cgroup of its own for memory';
        return { expected, actual, evidence: [...run.during.host.cgroups.map(showMembers)], seenIn: run };
      }
      const file = limitFiles[own[0]!.version].memory;
      const found = lowest(own, file);
      if (found === memory) continue;
      return {
        expected,
        actual: found === undefined ? `its cgroup has no ${file}` : `it is ${showLimit(found)}`,
        evidence: showFiles([...own, ...shared]),
        seenIn: run,
      };
    }
    return undefined;
  },
});

function showMembers({ path, controllers, members }: Cgroup): string {
  return `${path} (${controllers.join(',')}): ${members.length === 1 ? '1 process' : `${members.length} processes`}`;
}

check('08.2', 'memory and swap together are limited to what was asked for, where the kernel counts swap', {
  of: inMegabytes,
  and: limitedRuns,
  needs: ['08.1'],
  shownBy: seenOnHost,
  why: 'A program that may not have more memory may still be moved to the disk. --memory-swap is the sum of both. Version 1 limits the sum, version 2 the swap alone.',
  man: 'cgroups(7)',
  holds() {
    for (const { of, memory, total } of asked) {
      const run = of.run!;
      const { own } = cgroupsAround(run);
      const { version } = own[0]!;
      const file = limitFiles[version].swap;
      const found = lowest(own, file);
      // The kernel does not count it, so nobody can set or see it.
      if (found === undefined) continue;
      const wanted = version === 1 ? total : total - memory;
      if (found === wanted) continue;
      return {
        expected: `${showLimit(wanted)} in ${file} (${version === 1 ? 'memory and swap together' : 'swap alone'}) for ${options(run)}`,
        actual: `it is ${showLimit(found)}`,
        evidence: showFiles(own),
        seenIn: run,
      };
    }
    return undefined;
  },
});

check('08.3', 'what cannot be meant is refused, and nothing is left of it', {
  of: refusals[0]!.of,
  and: [...refusals.map(({ of }) => of), tooMuch],
  why: 'A limit that was misunderstood is worse than none: nobody notices until something is killed. What cannot be meant is said in a sentence that names the option, before anything is made. What only the kernel can refuse is taken back.',
  man: 'cgroups(7)',
  holds() {
    for (const { option, of } of refusals) {
      const finding = refusal(of.run!, option);
      if (finding !== undefined) return { ...finding, seenIn: of.run! };
    }
    const finding = refusedByTheKernel(tooMuch.run!);
    return finding && { ...finding, seenIn: tooMuch.run! };
  },
});

/** What is wrong with how a size was refused. */
function refusal(run: Run, option: string): Finding | undefined {
  const expected = `for ${options(run)}: status 125, and a sentence that names ${option}`;
  const finding = notRefused(run, expected);
  if (finding !== undefined) return finding;
  if (!run.stderr.includes(option)) return { expected, actual: `stderr does not name ${option}` };
  const left = [...run.containers.map(({ path }) => path), ...run.cgroups];
  if (left.length === 0) return undefined;
  return {
    expected: `for ${options(run)}: that nothing has been made yet`,
    actual: `left behind: ${left.slice(0, 3).join(', ')}`,
  };
}

function notRefused(run: Run, expected: string): Finding | undefined {
  if (run.stdout.includes('it ran')) return { expected, actual: 'the command ran' };
  return run.exitCode === 125 ? undefined : { expected, actual: showEnd(run) };
}

/** What is wrong after a limit that the kernel does not take, wherever that was noticed. */
function refusedByTheKernel(run: Run): Finding | undefined {
  const finding = notRefused(run, `for ${options(run)}: status 125, for the kernel takes no such limit`);
  if (finding !== undefined || run.cgroups.length === 0) return finding;
  return {
    expected: `for ${options(run)}: that no cgroup is left, for the kernel takes no such limit`,
    actual: `left behind: ${run.cgroups.join(', ')}`,
    evidence: showStderr(run),
  };
}

/** The lines on stderr that are about memory, without their numbers. */
function aboutMemory({ stderr }: Run): string[] {
  return stderr
    .split('\n')
    .filter((line) => /memory|oom/i.test(line))
    .map((line) => line.replaceAll(/\d+\w*/g, '#'));
}

/** What box.ts says of a container that ran out of memory, and does not say of every container. */
function blame(): string[] {
  const usual = aboutMemory(inMegabytes.run!);
  return aboutMemory(greedy.run!).filter((line) => !usual.includes(line));
}

check('08.4', 'a program that takes more is killed, box.ts says why, and the status is 137', {
  of: greedy,
  and: [inMegabytes],
  needs: ['08.1'],
  why: 'The kernel ends a process of a cgroup that has used up its memory, with SIGKILL. From the status alone nobody can tell this from any other SIGKILL: the cgroup counts it, and box.ts must ask before it removes the cgroup.',
  man: 'cgroups(7)',
  holds(run) {
    if (run.exitCode !== 137) return { expected: 'status 137', actual: showEnd(run) };
    if (blame().length === 0) {
      const usual = aboutMemory(run).length > 0;
      return {
        expected: 'a line on stderr which says that this container ran out of memory',
        actual: usual ? 'it says the same of a container that kept its limit' : 'stderr does not say it',
        evidence: showStderr(run),
      };
    }
    if (run.cgroups.length === 0) return undefined;
    return { expected: 'that its cgroups are gone', actual: `left behind: ${run.cgroups.join(', ')}` };
  },
});

check('08.5', 'only that container notices, and another SIGKILL is not called lack of memory', {
  of: inMegabytes,
  and: [greedy, inKilobytes, unlimited],
  needs: ['08.4'],
  shownBy: (run) =>
    run === inKilobytes.run
      ? `box run ${options(run)} sleep 60 & until pgrep -x sleep > /dev/null; do sleep 0.1; done; pkill -KILL -x sleep; wait`
      : seenOnHost(run),
  why: 'The limit belongs to one cgroup: a container beside it goes on. And a command that somebody else killed has not run out of memory, although its status is 137, too.',
  man: 'cgroups(7)',
  holds(run) {
    if (run.exitCode !== run.scenario.exits) {
      return {
        expected: `that a container beside it goes on, and ends with status ${run.scenario.exits}`,
        actual: showEnd(run),
      };
    }
    const { shared } = cgroupsAround(run);
    for (const cgroup of shared) {
      const found = lowest([cgroup], limitFiles[cgroup.version].memory);
      if (found === undefined || found === Infinity) continue;
      return {
        expected: `no limit in ${cgroup.path}, which all containers share`,
        actual: `it is ${showLimit(found)}`,
        evidence: showFiles([cgroup]),
      };
    }
    const killed = inKilobytes.run!;
    if (killed.exitCode !== 137) {
      return {
        expected: 'status 137 for a command that was killed from outside',
        actual: showEnd(killed),
        seenIn: killed,
      };
    }
    if (!aboutMemory(killed).some((line) => blame().includes(line))) return undefined;
    return {
      expected: 'no word of too little memory for a command that somebody killed',
      actual: 'box.ts says that it ran out of memory',
      seenIn: killed,
    };
  },
});
