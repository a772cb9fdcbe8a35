// What the programs share: each holds several cases, and its first argument names one.
import fs from 'node:fs';
import * as linux from '#linux';

/** Runs the case that the program's first argument names. */
export async function runCase(cases: Readonly<Record<string, () => unknown>>): Promise<void> {
  const name = process.argv[2] ?? '';
  const found = cases[name];
  if (found === undefined) throw new Error(`no case "${name}"; there are ${Object.keys(cases).join(', ')}`);
  await found();
}

/** Prints a value, one a line, at once: a process that is about to end or to become another has no later. */
export function print(value: unknown): void {
  fs.writeSync(1, JSON.stringify(value) + '\n');
}

/** Runs `body` in a child and returns how that ended; where body returns, with 0. */
export function inChild(body: () => void): linux.ExitStatus {
  const pid = linux.fork();
  if (pid === 0) {
    body();
    linux._exit(0);
  }
  return linux.waitpid(pid);
}

/** What was thrown, as far as a test can compare it; null where nothing was. */
export function thrown(body: () => unknown): Record<string, unknown> | null {
  try {
    body();
  } catch (error) {
    if (error instanceof linux.LinuxError) {
      const { name, message, syscall, errno, code, args } = error;
      return { name, message, syscall, errno, code, args };
    }
    if (error instanceof Error) return { name: error.name, message: error.message };
    throw error;
  }
  return null;
}

/** The error's name, `EPERM`; null where nothing failed. */
export function codeOf(body: () => unknown): unknown {
  const error = thrown(body);
  return error === null ? null : (error['code'] ?? error['message']);
}

/** Values by name of a file such as /proc/self/status. */
export function statusOf(pid: number | 'self' = 'self'): Record<string, string> {
  const lines = fs.readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => line.includes(':')).map((line) => line.split(/:\s*/, 2))) as Record<
    string,
    string
  >;
}

/** Whether a process ignores a signal. */
export function ignores(pid: number, signal: number): boolean {
  return (BigInt(`0x${statusOf(pid)['SigIgn']}`) & (1n << BigInt(signal - 1))) !== 0n;
}

/** Waits, without using the processor all the time, until `met` says yes. For what no system call can wait for. */
export function waitUntil(met: () => boolean): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!met()) Atomics.wait(cell, 0, 0, 1);
}
