import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

describe('capabilities', () => {
  test('capset sets three of the sets, and prctl the ambient one', async () => {
    expect(await valuesOf('fences', ['capset'])).toEqual([
      ['20', '10000000020', '20', ''],
      { effective: [5], permitted: [5, 40], inheritable: [5] },
      expect.objectContaining({
        code: 'EPERM',
        message: expect.stringMatching(/^capset\(effective: 0, permitted: CAP_CHOWN, inheritable: 0\) failed: EPERM: /),
      }),
      ['20', 1],
      '',
      'capset: effective must be a whole number from 0 to 63, and it is 64',
    ]);
  });

  test('what is out of the bounding set is gone for root after an exec, and not before', async () => {
    expect(await valuesOf('fences', ['bounding'])).toEqual([
      1,
      0,
      'prctl(PR_CAPBSET_DROP, 63, 0, 0, 0) failed: EINVAL: Invalid argument',
      'has it',
      'lost it',
    ]);
  });
});

describe('filters of system calls', () => {
  test('refuse what they name with the error that they name; no program without one opens libseccomp', async () => {
    expect(await valuesOf('fences', ['filter'])).toEqual([false, '0', ['2', '1'], ['EPERM', 'ENOSYS', null]]);
  });

  test('may let through only what they name, and kill for the rest', async () => {
    const SIGSYS = 31;
    expect(await valuesOf('fences', ['allow list'])).toEqual([SIGSYS]);
  });

  test('need no_new_privs, which loading does not set', async () => {
    expect(await valuesOf('fences', ['not allowed'])).toEqual([
      expect.stringMatching(/^seccomp_load\(filter\) failed: EACCES: Permission denied/),
      '0',
      0,
    ]);
  });

  test('compare arguments', async () => {
    expect(await valuesOf('fences', ['comparisons'])).toEqual(['EPERM', null, null, 'EPERM']);
  });

  test('without clone3 a program makes threads all the same', async () => {
    expect(await valuesOf('fences', ['threads of a program'])).toEqual(['a thread']);
  });

  test('errors say what was wrong', async () => {
    expect(await valuesOf('fences', ['errors'])).toEqual([
      expect.stringMatching(/^seccomp_rule_add\(filter, SCMP_ACT_ALLOW, \d+\) failed: EACCES: Permission denied/),
      'libseccomp knows no system call "no_such_call"',
      'seccomp_init(0x5) failed: EINVAL: Invalid argument',
    ]);
  });

  test('are put together on the host, where libseccomp is', async () => {
    expect(await valuesOf('fences', ['another root'])).toEqual([
      expect.stringMatching(/^libseccomp\.so\.2 cannot be opened: it is a file of the host/),
    ]);
  });
});
