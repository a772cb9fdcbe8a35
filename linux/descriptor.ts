// Descriptors: copies of them, and the flags of the standard ones. See dup2(2), fcntl(2), close_range(2).
import { whole } from './argument.ts';
import { call } from './call.ts';
import { libc } from './libc.ts';

const fcntl = libc('int fcntl(int fd, int cmd, long arg)');
const close_range = libc('int close_range(unsigned int first, unsigned int last, int flags)');

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
const CLOSE_RANGE_CLOEXEC = 4;
const LAST_DESCRIPTOR = 0xffff_ffff;

const nativeDup2 = libc('int dup2(int oldfd, int newfd)');

/**
 * Makes `newfd` lead to the same open file as `oldfd`; what it led to before is closed. See dup2(2).
 *
 * @throws LinuxError EBADF where oldfd is not open
 */
export function dup2(oldfd: number, newfd: number): void {
  call('dup2', nativeDup2, [whole('dup2', 'oldfd', oldfd, 0), whole('dup2', 'newfd', newfd, 0)], dup2);
}

// What follows is for exec and wait; the package does not export it.

/** stdin, stdout and stderr */
const standard = [0, 1, 2];

/** Makes the standard descriptors wait, as programs expect: Node leaves O_NONBLOCK on pipes. Returns what undoes it. */
export function makeStandardDescriptorsBlocking(): () => void {
  const changed: [number, number][] = [];
  for (const fd of standard) {
    const flags = fcntl(fd, F_GETFL, 0);
    if (flags === -1 || (flags & O_NONBLOCK) === 0) continue;
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    changed.push([fd, flags]);
  }
  return () => {
    for (const [fd, flags] of changed) fcntl(fd, F_SETFL, flags);
  };
}

/** Keeps just the standard descriptors over an exec: Node marks those close-on-exec, and inherited others it does not. */
export function keepOnlyStandardDescriptors(): void {
  close_range(3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
  for (const fd of standard) {
    const flags = fcntl(fd, F_GETFD, 0);
    if (flags !== -1) fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
}
