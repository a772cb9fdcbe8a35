// What must be true of level 00.
import { constants } from 'node:os';
import { grade } from '#grading';
import { findCall, showCalls, showEnd } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/00-fork-exec';
import { choices } from '#grading/random';
import { SYS_wait4 } from '#grading/processes';
import { isNode } from '#grading/processes';
import type { Run } from '#grading/run';
import { holdStill } from '#grading/scenario';
import * as tour from '#grading/tour';

const { pick, randomWord } = choices('00-fork-exec');
const { scenario, check, earlier } = grade('00-fork-exec', misconceptions);

const holdWord = `hold-${randomWord()}`;
const holder = `/opt/boxwright/bin/${holdWord}`;
const held = scenario(
  {
    args: [holder, 'an-argument'],
    holdWord,
    files: { [holder]: { text: `#!/bin/sh\n${holdStill(holdWord)}\n`, mode: 0o755 } },
    reproduce: 'sleep 60',
  },
  tour.tour,
);

const printer = `print-${randomWord()}`;
const named = scenario(
  {
    args: [printer, ...tour.oddWords],
    path: [`/opt/${randomWord()}`, '/opt/boxwright/bin'],
    files: { [`/opt/boxwright/bin/${printer}`]: { text: '#!/bin/sh\nprintf "[%s]\\n" "$@"\n', mode: 0o755 } },
    reproduce: `printf '[%s]\\n' 'two  words' '' '*' '$HOME "quoted"'`,
  },
  tour.tour,
);

const code = pick([3, 7, 42, 99, 200, 255]);
const exiting = scenario(
  { args: ['sh', '-c', `exit ${code}`], exits: code, reproduce: `sh -c 'exit ${code}'` },
  tour.tour,
);

// A command that is PID 1 of a container can only be ended from outside, and only by this signal.
const signal = earlier ? 'KILL' : pick(['KILL', 'TERM', 'HUP'] as const);
const number = constants.signals[`SIG${signal}`];
const killed = scenario(
  { args: ['sh', '-c', `kill -${signal} $$`], reproduce: `sh -c 'kill -${signal} $$'` },
  tour.companion,
);

const missing = scenario({ args: [`no-such-${randomWord()}`], reproduce: 'no-such-command' }, tour.missingCommand);

const plain = `/opt/boxwright/${randomWord()}.txt`;
/** Not asked again of later levels: one more run each would be too long to wait for. */
const notExecutable = earlier
  ? null
  : scenario({ args: [plain], files: { [plain]: { text: 'not a program\n', mode: 0o644 } }, reproduce: '/etc/passwd' });

check('00.1', 'the command runs in a child process of box.ts', {
  of: held,
  why: 'A command runs in a process of its own. fork is how a process makes another, and in that one execvp is how it becomes the command.',
  man: 'fork(2)',
  holds({ during, exitCode, trace, ...run }) {
    const expected = 'a process that runs the command, made by box.ts with fork, while box.ts is still there';
    const command = during?.commands[0];
    if (command === undefined) {
      return { expected, actual: `the command never ran: ${showEnd({ ...run, during, exitCode, trace })}` };
    }
    const runtime = during!.runtime;
    if (runtime !== null && runtime.pid === command.pid) {
      return {
        expected,
        actual: `process ${command.innerPid}, which was box.ts, has become the command itself`,
        evidence: [`/proc/${command.innerPid}/exe -> ${command.exe}`],
      };
    }
    if (runtime !== null && !isNode(runtime.exe)) {
      return {
        expected,
        actual: `box.ts has become another program, and that one runs the command`,
        evidence: [`/proc/${runtime.innerPid}/exe -> ${runtime.exe}`],
      };
    }
    // Node catches SIGCHLD only for its own child_process: then fork was not box.ts's.
    if (runtime?.catches.includes(constants.signals.SIGCHLD) === true) {
      return {
        expected,
        actual: 'the process was made by Node (child_process), not by a fork of box.ts',
        evidence: [`/proc/${runtime.innerPid}/status: SigCgt holds SIGCHLD, as only child_process needs it`],
      };
    }
    if (!trace.some(({ call, result }) => (call === 'fork' || call === 'clone') && result !== null)) {
      return { expected, actual: 'the command runs, but box.ts made no process with fork' };
    }
    return undefined;
  },
});

check('00.2', 'the child has become the command', {
  of: held,
  needs: ['00.1'],
  why: 'execvp replaces the program of the process that calls it: the pid stays, the program is another. Nothing of box.ts is left in that process.',
  man: 'execve(2)',
  holds(run) {
    const { commands, runtime, processes } = run.during!;
    const command = commands[0]!;
    const expected = 'one process for the command, directly below box.ts, with no Node in it';
    const forks = run.trace.filter(({ call, result }) => (call === 'fork' || call === 'clone') && result !== null);
    const between = processes.find(({ pid }) => pid === command.ppid);
    // From level 06 on there may be a second process of box.ts, which waits for the command.
    const allowed = earlier && between !== undefined && between.ppid === runtime?.pid && between.sleepsIn === SYS_wait4;
    if (runtime !== null && command.ppid !== runtime.pid && !allowed) {
      return {
        expected,
        actual: `between box.ts and the command stands process ${between?.innerPid ?? '?'}: ${between?.argv[0] ?? 'gone'}`,
        evidence: processes.map(
          ({ innerPid, exe, argv }) => `${innerPid} ${exe} ${argv.slice(-3).join(' ').slice(0, 40)}`,
        ),
        at: forks[0],
      };
    }
    const nodes = processes.filter(
      ({ exe, pid, state }) =>
        isNode(exe) && pid !== runtime?.pid && state !== 'Z' && !(allowed && pid === between.pid),
    );
    if (nodes.length > 0) {
      return {
        expected,
        actual: `${nodes.length + 1} processes still run box.ts`,
        evidence: nodes.map(({ innerPid, exe }) => `/proc/${innerPid}/exe -> ${exe}`),
        at: forks[0],
      };
    }
    if (commands.length === 1) return undefined;
    return { expected, actual: `${commands.length} processes run it`, at: forks.at(-1) };
  },
});

check('00.3', 'it is found through PATH, and its arguments arrive unchanged', {
  of: named,
  needs: ['00.1'],
  why: 'The command is a list of words, and stays one: nothing may split, join or expand them again. A name without a slash is looked for in the folders of PATH.',
  man: 'execvp(3)',
  holds(run) {
    const wanted = tour.oddWords.map((word) => `[${word}]`);
    const got = run.stdout.split('\n').filter((line) => line !== '' && (!earlier || line.startsWith('[')));
    if (got.join('\n') === wanted.join('\n')) return undefined;
    const program = earlier ? 'sh' : printer;
    const expected = `the program ${program}, from a folder in PATH, with the arguments ${JSON.stringify(tour.oddWords)}`;
    return {
      expected,
      actual: got.length === 0 ? `nothing was printed, and ${showEnd(run)}` : `it printed ${got.join(' ')}`,
      evidence: showCalls(run.trace.filter(({ call }) => call.startsWith('exec'))),
      at: findCall(run, ['execvp', 'execvpe']),
    };
  },
});

check('00.4', 'box.ts waits until the command has ended', {
  of: held,
  needs: ['00.2'],
  why: 'A parent that does not wait is gone while its child still runs, and whoever started it takes the silence for the end. A child that nobody waits for stays as a zombie.',
  man: 'waitpid(2)',
  holds(run) {
    const { runtime, commands } = run.during!;
    const command = commands[0]!;
    const expected = `box.ts still there while the command (process ${command.innerPid}) runs, and no process left at the end`;
    if (runtime === null) {
      return {
        expected,
        actual: `box.ts was gone while process ${command.innerPid} was still running`,
        evidence: [
          `process ${command.innerPid}: ${command.argv[0]}, state ${command.state}, parent ${command.ppid === 0 ? 'none' : 'PID 1'}`,
        ],
        at: findCall(run, ['fork', 'clone']),
      };
    }
    const zombies = run.left.filter(({ state }) => state === 'Z');
    if (run.timedOut || run.left.length > 0) {
      return {
        expected,
        actual:
          zombies.length > 0
            ? `process ${zombies[0]!.innerPid} has ended and nobody waited for it: a zombie`
            : `afterwards ${run.left.length} processes were left`,
        evidence: run.left.map(
          ({ innerPid, state, argv }) => `process ${innerPid}, state ${state}: ${argv.join(' ').slice(0, 50)}`,
        ),
      };
    }
    return undefined;
  },
});

check('00.5', 'its exit status is reported as it is, a signal as 128 + n', {
  of: exiting,
  and: earlier ? [killed] : [killed, held],
  needs: ['00.4'],
  why: 'The status is all that a caller learns of a command. waitpid tells an exit code or a signal, never both; shells report a signal n as 128 + n.',
  man: 'waitpid(2)',
  holds(run) {
    const wait = findCall(run, 'waitpid', ({ phase }) => phase === 'done');
    if (run.exitCode !== run.scenario.exits) {
      return {
        expected: `status ${run.scenario.exits}, as the command's`,
        actual: showEnd(run),
        evidence: [`${killed.scenario.reproduce}: ${showEnd(killed.run!)}`],
        at: wait,
      };
    }
    if (!earlier && held.run!.exitCode !== 0) {
      return {
        expected: 'status 0 for a command that ended with 0',
        actual: showEnd(held.run!),
        reproduce: 'true',
        at: findCall(held.run!, 'waitpid', ({ phase }) => phase === 'done'),
      };
    }
    const other = killed.run!;
    if (other.exitCode === 128 + number) return undefined;
    return {
      expected: `status ${128 + number} for a command that SIG${signal} (${number}) ended`,
      actual: showEnd(other),
      evidence: [`${killed.scenario.reproduce}: ${showEnd(other)}`],
      at: findCall(other, 'waitpid', ({ phase }) => phase === 'done'),
    };
  },
});

/** A call of the parent's, made by the process whose exec has just failed. */
function afterExec({ trace }: Run): Run['trace'][number] | undefined {
  const failed = trace.findIndex(({ call, errno }) => call.startsWith('exec') && errno !== null);
  if (failed === -1) return undefined;
  const parents = ['waitpid', 'fork', 'clone'];
  return trace.slice(failed).find(({ call, process }) => process === trace[failed]!.process && parents.includes(call));
}

check('00.6', 'a command that cannot start gives 127 or 126, and the child ends there', {
  of: missing,
  and: notExecutable === null ? [] : [notExecutable],
  needs: ['00.2'],
  why: 'When execvp throws, the child is still a copy of box.ts, on its way into the code that follows. It must say why on stderr, and end itself: with 127 where the command is not found, with 126 where it cannot be executed.',
  man: '_exit(2)',
  holds(run) {
    const exec = findCall(run, ['execvp', 'execvpe'], ({ errno }) => errno !== null);
    const second = afterExec(run);
    if (second !== undefined) {
      return {
        expected: 'that only the first process runs what follows the fork',
        actual: `the child went on: it called ${second.call} too, and ${showEnd(run)}`,
        evidence: showCalls(run.trace),
        at: second,
      };
    }
    if (run.exitCode !== 127) {
      return {
        expected: 'status 127 for a command that is not found',
        actual: showEnd(run),
        evidence: showCalls(run.trace),
        at: exec,
      };
    }
    if (run.stderr.trim() === '') {
      return { expected: 'a line on stderr that says why', actual: 'stderr is empty', at: exec };
    }
    if (notExecutable === null) return undefined;
    const other = notExecutable.run!;
    if (other.exitCode === 126) return undefined;
    return {
      expected: 'status 126 for a file that is not executable',
      actual: showEnd(other),
      evidence: showCalls(other.trace),
      at: findCall(other, '_exit') ?? findCall(other, ['execvp', 'execvpe']),
    };
  },
});
