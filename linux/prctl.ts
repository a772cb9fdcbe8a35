// Attributes of the calling process that have no call of their own. See prctl(2).
import { whole } from './argument.ts';
import { call, type Show } from './call.ts';
import { nameOfCapability } from './capability.ts';
import { libc } from './libc.ts';

// linux/prctl.h
/** The signal that the kernel sends to the caller when its parent dies; a change of the user clears it. See PR_SET_PDEATHSIG(2const). */
export const PR_SET_PDEATHSIG = 1;
/** From here on exec gives no privileges: set-user-ID bits have no effect. Cannot be undone. See PR_SET_NO_NEW_PRIVS(2const). */
export const PR_SET_NO_NEW_PRIVS = 38;
/** Whether a capability is in the caller's bounding set: 1 or 0. See PR_CAPBSET_READ(2const). */
export const PR_CAPBSET_READ = 23;
/** Takes a capability from the caller's bounding set: no exec can give it any more. Needs CAP_SETPCAP. See PR_CAPBSET_DROP(2const). */
export const PR_CAPBSET_DROP = 24;
/** The caller's ambient set, which every exec keeps: what to do with it is the second argument. See PR_CAP_AMBIENT(2const). */
export const PR_CAP_AMBIENT = 47;
/** PR_CAP_AMBIENT: whether a capability, the third argument, is in the set. */
export const PR_CAP_AMBIENT_IS_SET = 1;
/** PR_CAP_AMBIENT: add a capability, the third argument, which must be permitted and inheritable. */
export const PR_CAP_AMBIENT_RAISE = 2;
/** PR_CAP_AMBIENT: take a capability, the third argument, away. */
export const PR_CAP_AMBIENT_LOWER = 3;
/** PR_CAP_AMBIENT: take all away. */
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;

const names: Readonly<Record<number, string>> = {
  [PR_SET_PDEATHSIG]: 'PR_SET_PDEATHSIG',
  [PR_SET_NO_NEW_PRIVS]: 'PR_SET_NO_NEW_PRIVS',
  [PR_CAPBSET_READ]: 'PR_CAPBSET_READ',
  [PR_CAPBSET_DROP]: 'PR_CAPBSET_DROP',
  [PR_CAP_AMBIENT]: 'PR_CAP_AMBIENT',
};
const ambientNames: Readonly<Record<number, string>> = {
  [PR_CAP_AMBIENT_IS_SET]: 'PR_CAP_AMBIENT_IS_SET',
  [PR_CAP_AMBIENT_RAISE]: 'PR_CAP_AMBIENT_RAISE',
  [PR_CAP_AMBIENT_LOWER]: 'PR_CAP_AMBIENT_LOWER',
  [PR_CAP_AMBIENT_CLEAR_ALL]: 'PR_CAP_AMBIENT_CLEAR_ALL',
};
const nativePrctl = libc(
  'int prctl(int op, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)',
);

/**
 * Changes or reads an attribute of the calling process; returns what was read, 0 for a change. See prctl(2).
 *
 * @param op one of PR_*
 * @param arg2 the signal's number; 1 for PR_SET_NO_NEW_PRIVS; a CAP_* for PR_CAPBSET_*; what to do for PR_CAP_AMBIENT
 * @param arg3 a CAP_* for PR_CAP_AMBIENT; 0 for all else
 * @throws LinuxError EINVAL for an operation or a value that the kernel does not know; EPERM
 */
export function prctl(op: number, arg2: number, arg3 = 0): number {
  const number = whole('prctl', 'op', op, 0);
  const value = whole('prctl', 'arg2', arg2, 0);
  const further = whole('prctl', 'arg3', arg3, 0);
  return call('prctl', nativePrctl, [number, value, further, 0, 0], prctl, [
    names[number],
    ...show(op, value, further),
  ]);
}

/** The arguments that are the numbers of something. */
function show(op: number, arg2: number, arg3: number): Show[] {
  if (op === PR_CAPBSET_READ || op === PR_CAPBSET_DROP) return [nameOfCapability(arg2)];
  if (op !== PR_CAP_AMBIENT) return [];
  return [ambientNames[arg2], arg2 === PR_CAP_AMBIENT_CLEAR_ALL ? undefined : nameOfCapability(arg3)];
}
