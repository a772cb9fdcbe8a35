// Waiting for a child to end. See waitpid(2).
import { flagBits, whole } from './argument.ts';
import { failed, showFlags } from './call.ts';
import { makeStandardDescriptorsBlocking } from './descriptor.ts';
import { errno, libc } from './libc.ts';
import { ignore, restore, SIGINT, SIGQUIT } from './signal.ts';
import { rememberTerminal } from './terminal.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

/** waitpid: return at once, with pid 0, where no child has ended. */
export const WNOHANG = 0x1;
/** waitpid: also where a child was stopped. */
export const WUNTRACED = 0x2;
/** waitpid: also where a child was continued. */
export const WCONTINUED = 0x8;
/** waitpid: also children that end without SIGCHLD. */
export const __WALL = 0x4000_0000;

const waitFlags = { WNOHANG, WUNTRACED, WCONTINUED, __WALL };
const nativeWaitpid = libc('int waitpid(int pid, _Out_ int *wstatus, int options)');
const EINTR = 4;

/** How a child ended. Of exitCode and signal one is null, both where it has not ended. */
export type ExitStatus = {
  /** The child's pid; 0 with WNOHANG where none has ended. */
  pid: number;
  /** The status as the kernel packs it: exit code 2 is 512. */
  status: number;
  /** 0 to 255 where the child ended by itself. */
  exitCode: number | null;
  /** The signal's number where a signal ended it. */
  signal: number | null;
};

/**
 * Waits for `pid` to end and says how it ended. While it waits, Ctrl-C is the child's affair, not this process's; and
 * afterwards the terminal is as it was before. See waitpid(2).
 *
 * @param pid a child; -1 for any child
 * @param options WNOHANG and the others, joined with `|`
 * @throws LinuxError ECHILD where it is no child of the caller, or was waited for already
 */
export function waitpid(pid: number, options = 0): ExitStatus {
  const bits = flagBits('waitpid', 'options', options);
  const args = [whole('waitpid', 'pid', pid), bits];
  const shown = [undefined, showFlags(bits, waitFlags)];
  const printed = [String(pid), shown[1]!];
  if (stepping) stop('before', 'waitpid', printed, waitpid);
  if (tracing) record('waitpid', printed, { phase: 'begins' }, waitpid);

  const status = [0];
  let result: number;
  let failure: number;
  const afterwards = (bits & WNOHANG) === 0 ? stepBack() : undefined;
  do {
    result = nativeWaitpid(pid, status, bits | 0);
    failure = result === -1 ? errno() : 0;
  } while (failure === EINTR);
  afterwards?.();

  if (tracing) record('waitpid', printed, { phase: 'done', result, errno: failure }, waitpid);
  if (stepping) stop('after', 'waitpid', printed, waitpid);
  if (failure !== 0) throw failed('waitpid', failure, args, waitpid, shown);
  return decode(result, status[0]!);
}

/** Leaves terminal, Ctrl-C and the standard descriptors to the child; the returned function takes them back. */
function stepBack(): () => void {
  const restoreTerminal = rememberTerminal();
  // As system(3) does: no JavaScript handler can run while we wait, and dying here would leave the child alone.
  const interrupt = ignore(SIGINT);
  const quit = ignore(SIGQUIT);
  // The child shares them, and this process may have used them since the child was made.
  const undoBlocking = makeStandardDescriptorsBlocking();
  return () => {
    undoBlocking();
    restore(SIGQUIT, quit);
    restore(SIGINT, interrupt);
    restoreTerminal();
  };
}

/** The macros of wait.h: WIFEXITED, WEXITSTATUS, WIFSIGNALED, WTERMSIG. */
function decode(pid: number, status: number): ExitStatus {
  if (pid === 0) return { pid, status: 0, exitCode: null, signal: null };
  const signal = status & 0x7f;
  if (signal === 0) return { pid, status, exitCode: (status >> 8) & 0xff, signal: null };
  // 0x7f: stopped; 0xffff: continued.
  const ended = signal !== 0x7f;
  return { pid, status, exitCode: null, signal: ended ? signal : null };
}
