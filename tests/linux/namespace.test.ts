import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

describe('unshare and setns', () => {
  test('a hostname set after unshare(CLONE_NEWUTS) stays in the namespace', async () => {
    expect(await valuesOf('namespace', ['hostname'])).toEqual([
      'the-host',
      ['the-container', 'the-container'],
      'the-host',
      'of-both',
      [64, `sethostname("${'n'.repeat(65)}", 65) failed: EINVAL: Invalid argument`],
      ['ü'.repeat(32), 'EINVAL'],
      'sethostname: name must be a string, and it is of type number',
    ]);
  });

  test('unshare(CLONE_NEWPID) moves the next child and not the caller', async () => {
    expect(await valuesOf('namespace', ['new-pid-namespace'])).toEqual([true, { getpid: 1, cached: 1 }]);
  });

  test('root of a user namespace has the ids that its maps say, and no rights over the machine', async () => {
    expect(await valuesOf('namespace', ['user-namespace'])).toEqual([
      [2, 0, 7, 'EINVAL'],
      expect.stringMatching(
        /^mknod\(.*\) failed: EPERM: Operation not permitted\. You are root of a user namespace, which is not enough for this\.$/,
      ),
    ]);
  });

  test('a forked child has one thread, and may what Node with its several may not', async () => {
    expect(await valuesOf('namespace', ['single-thread'])).toEqual([
      ['EINVAL', 'EINVAL'],
      [null, null],
    ]);
  });

  test('setns enters the namespaces of another process', async () => {
    expect(await valuesOf('namespace', ['setns'])).toEqual([[true, 'EBADF'], 'inside', [true, true], true, 'outside']);
  });

  test('errors name the flags', async () => {
    expect(await valuesOf('namespace', ['errors'])).toMatchObject([
      [
        { code: 'EINVAL', message: 'unshare(CLONE_NEWUSER) failed: EINVAL: Invalid argument', args: [0x1000_0000] },
        { code: 'EINVAL', message: 'unshare(0x1) failed: EINVAL: Invalid argument' },
        {
          name: 'TypeError',
          message: expect.stringMatching(/^unshare: flags must be a whole number .*, and it is 1\.5$/),
        },
        { name: 'TypeError', message: expect.stringContaining('unshare: flags must be a whole number') },
      ],
    ]);
  });
});

describe('users', () => {
  test('setgroups, setgid and setuid change every thread, and there is no way back', async () => {
    const same = (id: number) => [id, id, id, id].join('\t');
    expect(await valuesOf('namespace', ['user'])).toEqual([
      ['10 20'],
      [true, [same(65534)], [same(100)], ['']],
      ['EPERM', 'EPERM', 'EPERM', null],
    ]);
  });

  test('setuid alone keeps the groups of root', async () => {
    expect(await valuesOf('namespace', ['user-only'])).toEqual([
      { Uid: '65534\t65534\t65534\t65534', Gid: '0\t0\t0\t0', Groups: '4 24' },
    ]);
  });

  test('an id that is none is refused, (uid_t) -1 too', async () => {
    expect(await valuesOf('namespace', ['user-arguments'])).toEqual([
      [
        'setuid: uid must be a whole number from 0 to 4294967294, and it is -1',
        'setuid: uid must be a whole number from 0 to 4294967294, and it is 4294967295',
        'setgid: gid must be a whole number from 0 to 4294967294, and it is of type undefined',
        'setgroups: list must be a whole number from 0 to 4294967294, and it is NaN',
      ],
      'EINVAL',
      '0\t0\t0\t0',
    ]);
  });
});

test('pipe: no program inherits its ends, and a read ends when the last writer has gone', async () => {
  expect(await valuesOf('namespace', ['pipe'])).toEqual([0, 0]);
});

test('kill: signal 0 asks, ESRCH where there is no such process, and no signal by name', async () => {
  expect(await valuesOf('namespace', ['kill'])).toEqual([
    'ESRCH',
    [
      'kill: sig must be a whole number from 0 to 64, and it is 65',
      'kill: sig must be a whole number from 0 to 64, and it is of type string',
    ],
  ]);
});
