// How long it is watched how two containers share a CPU: until the ratio is as asked, or for long enough to be sure.
import { expect, test } from 'vitest';
import { enoughOf } from '../../workshop/grading/cpu-time.ts';

/** The first of these moments (own and others' milliseconds) that is enough; null where none is. */
function firstEnough(ratio: [number, number] | null, moments: [number, number][]): [number, number] | null {
  const isEnough = enoughOf(ratio);
  return moments.find(([own, others]) => isEnough({ own, others })) ?? null;
}

const around8: [number, number] = [4, 16];

test('the first look is enough where the ratio is as asked', () => {
  expect(
    firstEnough(around8, [
      [100, 200],
      [350, 45],
      [360, 45],
      [800, 100],
    ]),
  ).toEqual([360, 45]);
});

test('where one stood still for a while, it is watched until that matters no more', () => {
  expect(
    firstEnough(around8, [
      [100, 300],
      [500, 310],
      [1400, 310],
    ]),
  ).toEqual([1400, 310]);
});

test('in between it is not looked at', () => {
  expect(
    firstEnough(around8, [
      [200, 200],
      [610, 110],
    ]),
  ).toBeNull();
});

test('a ratio that stays wrong is believed in the end', () => {
  const equal = Array.from({ length: 200 }, (_, index): [number, number] => [index * 10, index * 10]);
  expect(firstEnough(around8, equal)).toEqual([1600, 1600]);
});

test('without a ratio, the first look is enough', () => {
  expect(
    firstEnough(null, [
      [399, 0],
      [400, 0],
    ]),
  ).toEqual([400, 0]);
});
