import { describe, expect, test } from 'vitest';
import { valuesOf } from './run-program.ts';

describe('pipe2', () => {
  test('what the parent writes is read by the child, to the end', async () => {
    expect(await valuesOf('together', ['pipe'])).toEqual(['it is done', 0]);
  });

  test('its ends have the flags that were asked for', async () => {
    expect(await valuesOf('together', ['pipe-flags'])).toEqual([
      [
        ['02000000', '02000001'],
        ['00', '01'],
      ],
      'pipe2([…], 0x1) failed: EINVAL: Invalid argument',
      'TypeError',
    ]);
  });
});

describe('flock', () => {
  test('one process holds it at a time, or several together', async () => {
    expect(await valuesOf('together', ['flock'])).toEqual([
      'EAGAIN',
      null,
      ['EAGAIN', null],
      'flock(9999, LOCK_EX|LOCK_NB) failed: EBADF: Bad file descriptor',
    ]);
  });

  test('it is given back when its holder is killed', async () => {
    expect(await valuesOf('together', ['flock-dies'])).toEqual(['mine']);
  });
});
