// The terminal's settings and its foreground process group. See termios(3), tcsetpgrp(3).
import { libc } from './libc.ts';
import { ignore, restore, SIGTTOU } from './signal.ts';

const tcgetattr = libc('int tcgetattr(int fd, void *termios_p)');
const tcsetattr = libc('int tcsetattr(int fd, int optional_actions, const void *termios_p)');
const tcgetpgrp = libc('int tcgetpgrp(int fd)');
const tcsetpgrp = libc('int tcsetpgrp(int fd, int pgrp)');
const getpgrp = libc('int getpgrp()');

const STDIN = 0;
const TCSADRAIN = 1;
/** glibc's struct termios, in bytes. */
const TERMIOS_SIZE = 60;

/**
 * Remembers the terminal on stdin; the returned function puts it back as it was: its settings and its foreground
 * process group. Does nothing where stdin is no terminal or this process is in the background.
 */
export function rememberTerminal(): () => void {
  const before = Buffer.alloc(TERMIOS_SIZE);
  if (tcgetattr(STDIN, before) === -1) return () => {};
  const group = getpgrp();
  if (tcgetpgrp(STDIN) !== group) return () => {};
  return () => {
    // A process in the background that sets the terminal would be stopped by SIGTTOU.
    const old = ignore(SIGTTOU);
    if (tcgetpgrp(STDIN) !== group) tcsetpgrp(STDIN, group);
    const after = Buffer.alloc(TERMIOS_SIZE);
    if (tcgetattr(STDIN, after) !== -1 && !after.equals(before)) {
      tcsetattr(STDIN, TCSADRAIN, before);
    }
    restore(SIGTTOU, old);
  };
}
