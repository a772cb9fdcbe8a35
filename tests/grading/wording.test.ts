// What is said of wrong programs is compared in graders.test.ts, in turns. That there is a file for each misconception,
// and none for one that is gone, is seen here at once.
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'vitest';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { allLevels } from '../../workshop/levels.ts';
import { mistakesOf, notHere, oneForEachMisconception } from './mistakes.ts';
import { wordingFile } from './wording.ts';

describe.runIf(cgroupVersion() === 'v1').for(allLevels())('$name', (level) => {
  test('each misconception has its wording, and each wording its misconception', ({ expect }) => {
    const spokesmen = oneForEachMisconception(mistakesOf(level.name)).filter((mistake) => notHere(mistake) === null);
    const files = spokesmen.map(wordingFile).filter((file) => file !== null);
    const folder = path.join(import.meta.dirname, 'wording', level.name);
    const there = fs.readdirSync(folder).map((name) => path.join(folder, name));
    expect(there.toSorted()).toEqual(files.toSorted());
  });
});
