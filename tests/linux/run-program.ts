// Runs a program of programs/ in a sandbox of its own: its mounts, hostname, network, processes and temporary files
// are nobody else's, and nothing of it is left when it has ended.
//
// Tests never fork themselves: a copy of vitest's process would be a second vitest.
import path from 'node:path';
import { execa } from 'execa';
import { vi } from 'vitest';
import { requiredNodeFlags } from '../../linux/node-flags.ts';

/** Generous: a slow machine is not a failure, and a program that hangs does so for ever. */
const limitSeconds = 120;
// vitest's own limit would leave out what the program had printed by then.
vi.setConfig({ testTimeout: (limitSeconds + 30) * 1000 });

/** How a program ended and what it printed. */
export type Run = {
  stdout: string;
  stderr: string;
  /** null where a signal ended it. */
  exitCode: number | null;
  signal: string | null;
};

export type RunOptions = {
  /** Joins this process's environment. */
  env?: Record<string, string>;
  /** What it finds on stdin. */
  input?: string;
  /** The flags of node; those that fork needs where none are given. */
  nodeFlags?: readonly string[];
  /** What starts node, in place of node alone: `['setpriv', '--reuid', '65534', node, …]`. */
  command?: readonly string[];
  /** Where the programs are, and the linux folder beside them; this checkout where none is given. */
  programs?: string;
  /** Seconds after which the program counts as hung. */
  limit?: number;
  /** Gives the program a terminal for stdin, stdout and stderr; what it prints is in stdout. */
  terminal?: boolean;
  /** Typed on the terminal once `after` has been printed. */
  type?: { after: string; keys: string };
};

/** The node that runs this, which is the pinned one. */
export const node = process.execPath;

// An empty directory that is there on every Linux, and in the sandbox is its own: nothing has to be removed afterwards.
const prepareSandbox = 'mount -t tmpfs tmpfs /dev/shm && cd /dev/shm && exec "$@"';

/**
 * Runs programs/`name`.ts with `args` until it ends. It starts in an empty directory.
 *
 * @throws Error "hung" where it does not end; everything in its sandbox has been killed by then
 */
export async function runProgram(name: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Run> {
  const file = path.join(options.programs ?? path.join(import.meta.dirname, 'programs'), `${name}.ts`);
  const flags = options.nodeFlags ?? requiredNodeFlags;
  const command = [...(options.command ?? [node]), ...flags, file, ...args];
  return runInSandbox(options.terminal ? inTerminal(command) : command, options);
}

/** Runs any command likewise. */
export async function runInSandbox(command: readonly string[], options: RunOptions = {}): Promise<Run> {
  if (process.getuid?.() !== 0) {
    throw new Error('the tests of the system calls need root: run them with sudo, or in the virtual machine');
  }
  const limit = options.limit ?? limitSeconds;
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];
  const sandbox = ['--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const prepared = ['sh', '-c', prepareSandbox, 'sh', ...command];
  const sandboxed = execa(
    // A killed vitest takes the sandbox with it, and a killed unshare takes PID 1 and so all that is in it.
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...namespaces, ...sandbox, '--', ...prepared],
    {
      reject: false,
      stripFinalNewline: false,
      timeout: limit * 1000,
      killSignal: 'SIGKILL',
      env: { ...options.env },
      // An open stdin is what a terminal has until the program has ended.
      ...(options.terminal ? { stdin: 'pipe' } : { input: options.input ?? '' }),
    },
  );
  const typing = options.type;
  if (typing !== undefined) {
    let seen = '';
    let typed = false;
    sandboxed.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (typed || !seen.includes(typing.after)) return;
      typed = true;
      sandboxed.stdin.write(typing.keys);
    });
  }
  const result = await sandboxed;
  const printed = `It printed:\n${result.stdout}\n${result.stderr}`;
  if (result.timedOut) throw new Error(`hung: ${command.join(' ')} did not end in ${limit} s. ${printed}`);
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new Error(`cannot run ${command.join(' ')}`, { cause: result });
  }
  return {
    stdout: result.stdout,
    stderr: result.stderr,
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
  };
}

/** What a program printed with `print`: one value a line. */
export function printed(run: Run): unknown[] {
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}

/** The values that a program printed, of one that ended well and said nothing on stderr. */
export async function valuesOf(
  name: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<unknown[]> {
  const run = await runProgram(name, args, options);
  if (run.exitCode !== 0 || run.stderr !== '') {
    throw new Error(
      `${name} ${args.join(' ')} ended with ${run.signal ?? `status ${run.exitCode}`}:\n${run.stdout}\n${run.stderr}`,
    );
  }
  return printed(run);
}

// script(1) gives what it runs a terminal of its own, which it leads.
function inTerminal(command: readonly string[]): string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return ['script', '--quiet', '--return', '--command', `exec ${quoted}`, '/dev/null'];
}
