// Ending a process. See _exit(2).
import { whole } from './argument.ts';
import { libc } from './libc.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

const nativeExit = libc('void _exit(int status)');

/**
 * Ends the process at once: no handler runs and nothing is flushed. It is how a child that did not become another
 * program must end. Does not return. See _exit(2).
 *
 * @param status 0 to 255
 */
export function _exit(status: number): never {
  return leave(whole('_exit', 'status', status, 0, 255), _exit, null);
}

/** _exit with a note for the trace that says why, where the program did not ask for it itself. */
export function leave(status: number, caller: (...args: never[]) => unknown, note: string | null): never {
  if (stepping) stop('before', '_exit', [String(status)], caller);
  if (tracing) record('_exit', [String(status)], { phase: 'begins' }, caller, note);
  nativeExit(status);
  throw new Error('_exit returned');
}
