// What people believe who fail level 00.
import { findCall, inChild, type Misconception } from '../finding.ts';

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'exec-without-fork',
    checks: ['00.1'],
    why: 'execvp does not start a second process: it turns the one that calls it into the command. Without a fork before it, box.ts itself is gone, and nobody is left to wait and to report.',
    shows: (run) =>
      run.during?.runtime != null && run.during.commands.some(({ pid }) => pid === run.during!.runtime!.pid)
        ? findCall(run, ['execvp', 'execvpe'])
        : false,
  },
  {
    slug: 'arguments-joined',
    checks: ['00.2', '00.3'],
    why: 'A command is a list of words. Joined with spaces and split again by a shell, "two  words" becomes two arguments, "" disappears and * becomes file names. Each word must stay one entry of argv.',
    shows: (run) =>
      findCall(run, ['execvp', 'execvpe'], ({ args }) => /"(-c|-lc)"/.test(args[1] ?? '') || / /.test(args[0] ?? '')),
  },
  {
    slug: 'spawn-instead-of-fork-and-exec',
    checks: ['00.1', '00.2'],
    why: "Node's child_process makes the process for you and hides the two steps that this level is about: fork, and exec in the child. From level 01 on, all the walls are put up between these two steps, where spawn lets nobody in.",
    shows: (run, finding) =>
      /child_process/.test(finding.actual) || /between box\.ts and the command/.test(finding.actual),
  },
  {
    slug: 'no-path-search',
    checks: ['00.3'],
    why: 'A bare name such as ls is no path. Somebody has to look for it in the folders of PATH, one after the other: execvp does (the p stands for it) if it is given the name as it came.',
    shows: (run) =>
      run.stdout === '' && findCall(run, ['execvp', 'execvpe'], ({ args }) => (args[0] ?? '').includes('/')),
  },
  {
    slug: 'argv-without-name',
    checks: ['00.3'],
    why: 'argv[0] is by custom the name of the program, and its arguments begin at argv[1]. Given only the arguments, the program takes the first of them for its own name and never sees it.',
    shows: (run) =>
      findCall(run, ['execvp', 'execvpe'], ({ args }) => {
        const name = JSON.parse(args[0] ?? '""') as string;
        const words = args[1] ?? '';
        return name !== '' && !words.includes(JSON.stringify(name)) && words.includes('"two  words"');
      }),
  },
  {
    slug: 'no-waitpid',
    checks: ['00.4', '00.5'],
    why: 'After fork, parent and child run side by side. A parent that does not wait ends first: the prompt is back while the command still runs, and its exit status is lost. Only waitpid makes the parent wait, and only it removes the zombie.',
    shows: (run) => (findCall(run, 'waitpid') === undefined ? (findCall(run, ['fork', 'clone']) ?? true) : false),
  },
  {
    slug: 'raw-wait-status',
    checks: ['00.5'],
    why: 'The status that the kernel hands over is packed: the exit code stands eight bits higher, below it the signal. An exit code of 2 is 512 there, and as a process can only report the lowest eight bits, it comes out as 0. Use the unpacked fields.',
    // The packed status of a command that a signal ended is the signal's number.
    shows: (run, finding) =>
      finding.evidence?.some((line) => /kill -.* status (1|9|15)$/.test(line)) === true &&
      findCall(run, 'waitpid', ({ phase }) => phase === 'done'),
  },
  {
    slug: 'signal-reported-as-success',
    checks: ['00.5'],
    why: 'A command that a signal ended has no exit code at all. Whoever reads only the exit code takes it for 0, a success. The signal is told in a field of its own, and is reported as 128 + its number.',
    shows: (_run, finding) => /for a command that SIG/.test(finding.expected),
  },
  {
    slug: 'zero-taken-for-nothing',
    checks: ['00.5'],
    line: /exitCode *\|\|/,
    why: 'An exit code of 0 is a success, and a value like any other. In JavaScript || takes it for "nothing" and goes on to what stands behind it. ?? does so only for null and undefined.',
    shows: (_run, finding) => /for a command that ended with 0/.test(finding.expected),
  },
  {
    slug: 'status-ignored',
    checks: ['00.5', '00.6'],
    why: 'The command has failed, and box.ts reports a success. Whatever is returned from run becomes the exit status of box.ts, so it must be what waitpid told.',
    shows: (run) => run.exitCode === 0 && findCall(run, 'waitpid') !== undefined,
  },
  {
    slug: 'child-falls-through',
    checks: ['00.6'],
    why: 'Where execvp throws, it is the child that goes on, with the whole rest of box.ts before it: it waits, prints and returns as if it were the parent, and everything happens twice. The child must end itself where its execvp failed.',
    shows: (run) =>
      (findCall(run, ['waitpid', 'fork', 'clone'], inChild) ??
        findCall(run, '_exit', (line) => inChild(line) && line.note === 'fell off the end')) &&
      findCall(run, ['execvp', 'execvpe'], ({ errno }) => errno !== null),
  },
  {
    slug: 'process-exit-in-child',
    checks: ['00.6'],
    why: "process.exit runs Node's own shutting down first: handlers that belong to the parent, threads that were not copied. In a child that crashes or hangs. _exit ends the process at once, with nothing in between.",
    shows: (run) => findCall(run, '_exit', (line) => inChild(line) && line.note === 'process.exit'),
  },
  {
    slug: 'uncaught-in-child',
    checks: ['00.6'],
    why: 'The error of execvp was not caught in the child, so the child ended as a program that failed by itself (status 125 or 1). A missing command is no failure of box.ts: catch it, and end with 127 or 126.',
    shows: (run) => run.exitCode === 125 || run.exitCode === 1,
  },
];
