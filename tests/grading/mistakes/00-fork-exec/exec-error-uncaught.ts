// execvp does not fail.
// fails: 00.6
// misconception: uncaught-in-child
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
  linux.execvp(command[0]!, command);
}

box(({ command }) => run(command));
