// Level 00: run a command in a process of its own, and report how it ended.
import * as linux from '#linux';
import { box } from '#command-line';

/** Runs `command` in a child process and returns the exit status to report for it. */
function run(command: string[]): number {
  // TODO 1: make a child process (fork). The call returns twice: the child's pid here, and 0 in the child.

  // TODO 4: in the parent, wait until the child has ended (waitpid).

  // TODO 5: return how it ended: its exit code, or 128 + n where signal n ended it.

  throw new Error('TODO 1: make a child process (fork), then go on with TODO 2');
}

/** The child: becomes the command. Does not return. */
function become(command: string[]): never {
  // TODO 2: replace this program by the command (execvp).

  // TODO 3: give it its name and its arguments just as they came: command[0] is the name, and command is the whole argv.

  // TODO 6: execvp only returns by throwing. Say why on stderr, and end this process (_exit) with 127 where there is no
  // such command (ENOENT), or 126 where it cannot be executed.

  throw new Error('TODO 2: replace this program by the command (execvp)');
}

box(({ command }) => run(command));
