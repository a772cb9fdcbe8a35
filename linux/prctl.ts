// Attributes of the calling process that have no call of their own. See prctl(2).
import { whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

// linux/prctl.h
/** The signal that the kernel sends to the caller when its parent dies; a change of the user clears it. See PR_SET_PDEATHSIG(2const). */
export const PR_SET_PDEATHSIG = 1;
/** From here on exec gives no privileges: set-user-ID bits have no effect. Cannot be undone. See PR_SET_NO_NEW_PRIVS(2const). */
export const PR_SET_NO_NEW_PRIVS = 38;

const names: Readonly<Record<number, string>> = {
  [PR_SET_PDEATHSIG]: 'PR_SET_PDEATHSIG',
  [PR_SET_NO_NEW_PRIVS]: 'PR_SET_NO_NEW_PRIVS',
};
const nativePrctl = libc(
  'int prctl(int op, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)',
);

/**
 * Changes an attribute of the calling process. See prctl(2).
 *
 * @param op PR_SET_PDEATHSIG or PR_SET_NO_NEW_PRIVS
 * @param arg2 the signal's number; 1 for PR_SET_NO_NEW_PRIVS
 * @throws LinuxError EINVAL for an operation or a value that the kernel does not know
 */
export function prctl(op: number, arg2: number): void {
  const number = whole('prctl', 'op', op, 0);
  const value = whole('prctl', 'arg2', arg2, 0);
  call('prctl', nativePrctl, [number, value, 0, 0, 0], prctl, [names[number]]);
}
