// How every system call of this folder is made: call, read errno at once, trace, throw.
import { LinuxError } from './error.ts';
import { type CFunction, errno } from './libc.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

/** How an argument is shown in a message and in a trace; `String` and JSON quotes where none is given. */
export type Show = string | undefined;

/**
 * Makes the call `name` and returns what it returned.
 *
 * @param caller the exported function that the program called: the trace names the place that called it
 * @param shown the arguments as strace prints them, where the plain value does not say enough
 * @throws LinuxError where the call returned -1
 */
export function call(
  name: string,
  native: CFunction,
  args: readonly unknown[],
  caller: (...args: never[]) => unknown,
  shown: readonly Show[] = [],
): number {
  if (stepping) stop('before', name, show(args, shown), caller);
  const result = native(...args);
  const failure = result === -1 ? errno() : 0;
  if (tracing) record(name, show(args, shown), { phase: 'done', result, errno: failure }, caller);
  if (stepping) stop('after', name, show(args, shown), caller);
  if (failure !== 0) throw failed(name, failure, args, caller, shown);
  return result;
}

/** The error of a call that failed; its stack begins where the program called `caller`. */
export function failed(
  name: string,
  failure: number,
  args: readonly unknown[],
  caller: (...args: never[]) => unknown,
  shown: readonly Show[] = [],
): LinuxError {
  const error = new LinuxError(name, failure, args, show(args, shown));
  Error.captureStackTrace(error, caller);
  return error;
}

/** The arguments as strace prints them. */
export function show(args: readonly unknown[], shown: readonly Show[] = []): string[] {
  return args.map((value, index) => shown[index] ?? plain(value));
}

function plain(value: unknown): string {
  if (value === null) return 'NULL';
  if (Array.isArray(value)) return `[${value.map(plain).join(', ')}]`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** A set of flags by name: `MS_REC|MS_PRIVATE`. What has no name is shown in hexadecimal; none at all is `0`. */
export function showFlags(value: number, names: Readonly<Record<string, number>>): string {
  let rest = value;
  const parts: string[] = [];
  for (const [name, flag] of Object.entries(names)) {
    if (flag === 0 || (rest & flag) >>> 0 !== flag) continue;
    parts.push(name);
    rest = (rest & ~flag) >>> 0;
  }
  if (rest !== 0) parts.push(`0x${rest.toString(16)}`);
  return parts.length === 0 ? '0' : parts.join('|');
}
