// What a container needs that goes on by itself.
import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

const [SIGUSR1, SIGUSR2, SIGTERM, SIGCHLD] = [10, 12, 15, 17];
const [POLLIN, POLLOUT, POLLHUP, POLLNVAL] = [1, 4, 16, 32];

describe('signals', () => {
  test('that are blocked wait until somebody takes them', async () => {
    expect(await valuesOf('lifecycle', ['signals'])).toEqual([
      SIGUSR1,
      SIGTERM,
      SIGCHLD,
      7,
      'ECHILD',
      'sigwaitinfo: set must be a whole number from 1 to 64, and it is 65',
    ]);
  });

  test('come to a PID 1 that has blocked them', async () => {
    expect(await valuesOf('lifecycle', ['signals to PID 1'])).toEqual([SIGUSR2]);
  });
});

describe('a pidfd', () => {
  test('names one process, and tells of its end', async () => {
    expect(await valuesOf('lifecycle', ['pidfd'])).toEqual([
      [0, 0],
      [1, POLLIN],
      SIGTERM,
      'ESRCH',
      expect.stringMatching(/^pidfd_open\(\d+, 0\) failed: ESRCH: No such process$/),
    ]);
  });

  test('leads into all namespaces of its process, a child with one thread and not Node', async () => {
    expect(await valuesOf('lifecycle', ['setns with a pidfd'])).toEqual(['EINVAL', 'inside', 2]);
  });
});

test('poll says what there is about each descriptor', async () => {
  expect(await valuesOf('lifecycle', ['poll'])).toEqual([
    [2, 0, 0, POLLOUT, POLLNVAL],
    [1, POLLIN! | POLLHUP!, 0],
  ]);
});

test('a session begins once, and a descriptor leads where another one does', async () => {
  expect(await valuesOf('lifecycle', ['session and descriptors'])).toEqual([
    true,
    'EPERM',
    'dup2(999, 1) failed: EBADF: Bad file descriptor',
    'into the pipe\n',
  ]);
});

test('an open file goes through a socket', async () => {
  expect(await valuesOf('lifecycle', ['handing on a file'])).toEqual([
    'from the child',
    expect.stringMatching(/^recvmsg\(.*SCM_RIGHTS.*\) failed: EPIPE: /),
    'EBADF',
  ]);
});

test('a terminal is made, has a size, is raw or not, and belongs to a session', async () => {
  expect(await valuesOf('lifecycle', ['a terminal'])).toEqual([
    { rows: 33, columns: 91 },
    { rows: 44, columns: 100 },
    [true, false],
    'k',
    ['typed\r\ntyped 44 100\r\n', 'EIO'],
    'ENOTTY',
  ]);
});
