// Terminals: their settings, their size, making one, and whose they are. See termios(3), openpty(3), tcsetpgrp(3).
import { whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';
import { ignore, restore, SIGTTOU } from './signal.ts';

const nativeTcgetattr = libc('int tcgetattr(int fd, void *termios_p)');
const nativeTcsetattr = libc('int tcsetattr(int fd, int optional_actions, const void *termios_p)');
const nativeCfmakeraw = libc('void cfmakeraw(void *termios_p)');
const ioctl = libc('int ioctl(int fd, unsigned long op, void *argp)');
const nativeOpenpty = libc(
  'int openpty(_Out_ int *amaster, _Out_ int *aslave, void *name, const void *termp, const void *winp)',
);
const nativeLoginTty = libc('int login_tty(int fd)');
const tcgetpgrp = libc('int tcgetpgrp(int fd)');
const tcsetpgrp = libc('int tcsetpgrp(int fd, int pgrp)');
const getpgrp = libc('int getpgrp()');

const STDIN = 0;
/** tcsetattr: once all that was written has gone out. */
export const TCSADRAIN = 1;
/** glibc's struct termios, in bytes. */
const TERMIOS_SIZE = 60;
// asm-generic/ioctls.h
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
/** struct winsize: rows, columns, and two in pixels, 2 bytes each. */
const WINSIZE_SIZE = 8;

/** A terminal's settings; opaque. */
export type Termios = Buffer;

/** A terminal's size, in characters. */
export type WindowSize = { rows: number; columns: number };

/** The settings of the terminal. See tcgetattr(3). @throws LinuxError ENOTTY where fd is no terminal */
export function tcgetattr(fd: number): Termios {
  const termios = Buffer.alloc(TERMIOS_SIZE);
  call('tcgetattr', nativeTcgetattr, [whole('tcgetattr', 'fd', fd, 0), termios], tcgetattr, [undefined, '{…}']);
  return termios;
}

/**
 * Gives the terminal these settings. See tcsetattr(3).
 *
 * @param optional_actions TCSADRAIN: once all that was written has gone out
 * @throws LinuxError ENOTTY where fd is no terminal
 */
export function tcsetattr(fd: number, optional_actions: number, termios: Termios): void {
  const args = [whole('tcsetattr', 'fd', fd, 0), whole('tcsetattr', 'optional_actions', optional_actions, 0, 2)];
  call('tcsetattr', nativeTcsetattr, [...args, termios], tcsetattr, [undefined, undefined, '{…}']);
}

/**
 * These settings made raw, as new ones: the terminal hands on each key as it is, Ctrl-C too, and shows nothing of it by
 * itself. See cfmakeraw(3).
 */
export function cfmakeraw(termios: Termios): Termios {
  const raw = Buffer.from(termios);
  nativeCfmakeraw(raw);
  return raw;
}

/** The size of the terminal. See TIOCGWINSZ(2const). @throws LinuxError ENOTTY where fd is no terminal */
export function tcgetwinsize(fd: number): WindowSize {
  const size = Buffer.alloc(WINSIZE_SIZE);
  const args = [whole('tcgetwinsize', 'fd', fd, 0), TIOCGWINSZ, size];
  call('ioctl', ioctl, args, tcgetwinsize, [undefined, 'TIOCGWINSZ', '{…}']);
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}

/**
 * Gives the terminal another size. What runs in it is told by SIGWINCH. See TIOCGWINSZ(2const).
 *
 * @throws LinuxError ENOTTY where fd is no terminal
 */
export function tcsetwinsize(fd: number, size: WindowSize): void {
  const args = [whole('tcsetwinsize', 'fd', fd, 0), TIOCSWINSZ, winsize('tcsetwinsize', size)];
  call('ioctl', ioctl, args, tcsetwinsize, [undefined, 'TIOCSWINSZ', showSize(size)]);
}

/**
 * Makes a terminal, of the devpts on which /dev/ptmx of the caller's root leads. What is written into the first end can
 * be read from the second one, the terminal itself, as if somebody had typed it, and the other way round. See openpty(3).
 *
 * @returns the descriptors of both ends
 * @throws LinuxError ENOENT where there is no /dev/ptmx
 */
export function openpty(size: WindowSize): [master: number, slave: number] {
  const [master, slave] = [new Int32Array(1), new Int32Array(1)];
  const args = [master, slave, null, null, winsize('openpty', size)];
  call('openpty', nativeOpenpty, args, openpty, ['[…]', '[…]', 'NULL', 'NULL', showSize(size)]);
  return [master[0]!, slave[0]!];
}

/**
 * Makes a new session, whose terminal is `fd`: stdin, stdout and stderr lead there, and Ctrl-C there is a signal to the
 * caller. See login_tty(3).
 *
 * @throws LinuxError ENOTTY where fd is no terminal, EPERM where it is another session's
 */
export function login_tty(fd: number): void {
  call('login_tty', nativeLoginTty, [whole('login_tty', 'fd', fd, 0)], login_tty);
}

function winsize(name: string, { rows, columns }: WindowSize): Buffer {
  const size = Buffer.alloc(WINSIZE_SIZE);
  size.writeUInt16LE(whole(name, 'rows', rows, 0, 0xffff), 0);
  size.writeUInt16LE(whole(name, 'columns', columns, 0, 0xffff), 2);
  return size;
}

function showSize({ rows, columns }: WindowSize): string {
  return `{rows: ${rows}, columns: ${columns}}`;
}

// What follows is for wait; the package does not export it.

/**
 * Remembers the terminal on stdin; the returned function puts it back as it was: its settings and its foreground
 * process group. Does nothing where stdin is no terminal or this process is in the background.
 */
export function rememberTerminal(): () => void {
  const before = Buffer.alloc(TERMIOS_SIZE);
  if (nativeTcgetattr(STDIN, before) === -1) return () => {};
  const group = getpgrp();
  if (tcgetpgrp(STDIN) !== group) return () => {};
  return () => {
    // A process in the background that sets the terminal would be stopped by SIGTTOU.
    const old = ignore(SIGTTOU);
    if (tcgetpgrp(STDIN) !== group) tcsetpgrp(STDIN, group);
    const after = Buffer.alloc(TERMIOS_SIZE);
    if (nativeTcgetattr(STDIN, after) !== -1 && !after.equals(before)) {
      nativeTcsetattr(STDIN, TCSADRAIN, before);
    }
    restore(SIGTTOU, old);
  };
}
