// A command is one string, and a shell takes it apart.
// fails: 00.2
// misconception: arguments-joined
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
    linux.execvp('sh', ['sh', '-c', command.join(' ')]);
  } catch (error) {
    if (!(error instanceof linux.LinuxError)) throw error;
    console.error(`box.ts: ${error.message}`);
    // Still this program, in the child: without _exit two processes would run what follows.
    linux._exit(error.code === 'ENOENT' ? 127 : 126);
  }
}

box(({ command }) => run(command));
