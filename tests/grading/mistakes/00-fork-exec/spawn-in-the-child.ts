// The child starts the command and waits for it.
// fails: 00.2
// misconception: spawn-instead-of-fork-and-exec
import { spawnSync } from 'node:child_process';
import * as linux from '#linux';
import { box } from '#command-line';

/** Runs `command` in a child process and returns the exit status to report for it. */
function run(command: string[]): number {
  const pid = linux.fork();
  if (pid === 0) become(command);

  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** The child: becomes the command. Does not return. */
function become(command: string[]): never {
  const { status } = spawnSync(command[0]!, command.slice(1), { stdio: 'inherit' });
  linux._exit(status ?? 127);
}

box(({ command }) => run(command));
