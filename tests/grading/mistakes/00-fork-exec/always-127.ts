// 127 is the status of every command that does not start.
// fails: 00.6
// misconception: null
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
  try {
    linux.execvp(command[0]!, command);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(127);
  }
}

box(({ command }) => run(command));
