// The hostname that another process sees.
import fs from 'node:fs';
import { gethostname } from '../../linux/hostname.ts';
import { CLONE_NEWUTS, setns } from '../../linux/namespace.ts';

/**
 * The hostname in the UTS namespace of a process, which this thread enters for a moment. Starting a program there
 * would take a hundred times as long.
 *
 * @returns an empty string where the process has ended
 */
export function hostnameOf(pid: number): string {
  using theirs = namespaceOf(pid);
  if (theirs === null) return '';
  using own = namespaceOf('thread-self')!;
  setns(theirs.fd, CLONE_NEWUTS);
  try {
    return gethostname();
  } finally {
    setns(own.fd, CLONE_NEWUTS);
  }
}

function namespaceOf(process: number | 'thread-self'): ({ fd: number } & Disposable) | null {
  try {
    const fd = fs.openSync(`/proc/${process}/ns/uts`, 'r');
    return { fd, [Symbol.dispose]: () => fs.closeSync(fd) };
  } catch {
    return null;
  }
}
