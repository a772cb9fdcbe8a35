// What a box.ts imports is the same as without the loader, only later.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import * as tar from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programCommand } from '../../workshop/grading/student-program.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { node, runInSandbox } from '../linux/run-program.ts';

let outside: string;
beforeAll(() => void (outside = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-loader-'))));
afterAll(() => fs.rmSync(outside, { recursive: true }));

/** Runs a program, which lies outside the checkout, and returns what it printed. */
async function print(program: string): Promise<string> {
  const file = path.join(outside, 'box.ts');
  fs.writeFileSync(file, program);
  const [command, ...words] = programCommand(file, []);
  return (await execa(command!, words)).stdout;
}

describe('tar', () => {
  test('every name of the package is there', async () => {
    const names = await print(`import * as tar from 'tar';\nconsole.log(Object.keys(tar).join());`);
    expect(names.split(',').toSorted()).toEqual(Object.keys(tar).toSorted());
  });

  test('is not loaded before it is used, and then works: functions, classes, classes of one’s own', async () => {
    const archive = path.join(outside, 'a.tar');
    await tar.create({ file: archive, cwd: path.join(workshopRoot, 'linux') }, ['index.ts']);
    const program = `
      import { createRequire } from 'node:module';
      import fs from 'node:fs';
      import * as tar from 'tar';
      const loaded = (): boolean => Object.keys(createRequire(import.meta.url).cache).some((name) => name.includes('/tar/'));
      const names: string[] = [String(loaded())];
      tar.list({ file: ${JSON.stringify(archive)}, sync: true, onReadEntry: (entry) => void names.push(entry.path) });
      class Mine extends tar.Parser {}
      const parser = new Mine({ onReadEntry: (entry) => { names.push('mine ' + entry.path); entry.resume(); } });
      parser.end(fs.readFileSync(${JSON.stringify(archive)}));
      console.log(names.join(), parser instanceof tar.Parser, new tar.Header().constructor === tar.Header, loaded());
    `;
    expect(await print(program)).toBe('false,index.ts,mine index.ts true false true');
  });

  test('first used where its files are out of reach: what to do', async () => {
    const file = path.join(workshopRoot, 'tests/grading/programs/tar-after-chroot.ts');
    const [, ...words] = programCommand(file, []);
    const { stdout } = await runInSandbox([node, ...words]);
    expect(stdout).toBe('the package tar was not loaded before this process changed its root: use tar before that\n');
  });
});

describe('node:fs', () => {
  test.for([
    ['the module as a whole', `import fs from 'node:fs';`, 'fs'],
    ['names in it', `import { promises, mkdirSync } from 'node:fs';`, '{ promises, mkdirSync }'],
    ['both', `import fs, { mkdirSync } from 'node:fs';`, '{ promises: fs.promises, mkdirSync }'],
    ['a namespace', `import * as fs from 'node:fs';`, 'fs'],
    ['without its prefix', `import fs from 'fs';`, 'fs'],
  ] as const)('%s', async ([, imports, has]) => {
    const shown = await print(`${imports}\nconst has = ${has};
      console.log(typeof has.promises.mkdir, typeof has.mkdirSync);`);
    expect(shown).toBe('function function');
  });
});

test('a box.ts from outside the checkout has what one in it has', async () => {
  const shown = await print(`import * as linux from '#linux';
    import { box } from '#command-line';
    import * as cgroup from '#cgroup';
    import * as tar from 'tar';
    console.log(typeof linux.fork, typeof box, typeof cgroup, typeof tar.extract);`);
  expect(shown).toBe('function function object function');
});
