// Becoming another program. See execve(2), exec(3).
import { text } from './argument.ts';
import { failed, show } from './call.ts';
import { keepOnlyStandardDescriptors, makeStandardDescriptorsBlocking } from './descriptor.ts';
import { type CFunction, errno, libc } from './libc.ts';
import { resetSignals } from './signal.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

const nativeExecvp = libc('int execvp(const char *file, const char **argv)');
const nativeExecvpe = libc('int execvpe(const char *file, const char **argv, const char **envp)');

/**
 * Replaces this process's program. Returns only by throwing. A name without a slash is looked up in PATH.
 *
 * The new program starts as one started by a shell does: descriptors 0 to 2 open and waiting, no other, signals as
 * they are by default, and this process's environment. See execvp(3).
 *
 * @param argv the program's arguments; the first is by custom its own name
 * @throws LinuxError ENOENT where there is no such file, EACCES where it may not be executed, ENOEXEC, E2BIG
 */
export function execvp(file: string, argv: readonly string[]): never {
  const name = text('execvp', 'file', file);
  return become('execvp', nativeExecvp, name, [list('execvp', 'argv', argv)], execvp);
}

/**
 * execvp with an environment of its own. PATH is looked up in this process's environment, not in the new one.
 * See execvpe(3).
 *
 * @param env the new program's whole environment, by name
 * @throws LinuxError as execvp
 */
export function execvpe(
  file: string,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): never {
  const envp = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${text('execvpe', 'env', name)}=${text('execvpe', name, value)}`],
  );
  const name = text('execvpe', 'file', file);
  return become('execvpe', nativeExecvpe, name, [list('execvpe', 'argv', argv), envp], execvpe);
}

function become(
  name: string,
  native: CFunction,
  file: string,
  lists: readonly string[][],
  caller: (...args: never[]) => unknown,
): never {
  const args = [file, ...lists];
  if (stepping) stop('before', name, show(args), caller);
  const undoBlocking = makeStandardDescriptorsBlocking();
  const undoSignals = resetSignals();
  if (tracing) record(name, show(args), { phase: 'begins' }, caller);
  keepOnlyStandardDescriptors();
  const result = native(file, ...lists.map((strings) => [...strings, null]));
  const failure = errno();
  undoSignals();
  undoBlocking();
  if (tracing) record(name, show(args), { phase: 'done', result, errno: failure }, caller);
  if (stepping) stop('after', name, show(args), caller);
  throw failed(name, failure, args, caller);
}

function list(call: string, parameter: string, value: unknown): string[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`${call}: ${parameter} must be an array of strings, the first one the name`);
  }
  if (value.length === 0) throw new TypeError(`${call}: ${parameter} is empty; its first entry is the name`);
  return value.map((entry, index) => text(call, `${parameter}[${index}]`, entry));
}
