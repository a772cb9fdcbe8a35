// The cache that a box.ts starts from: complete, filled without running the program, and renewed when files change.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compileCache, fillCompileCache } from '../../workshop/grading/compile-cache.ts';
import { programCommand } from '../../workshop/grading/student-program.ts';
import { workshopRoot } from '../../workshop/paths.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-cache-'));
  vi.stubEnv('BOXWRIGHT_HOME', path.join(folder, 'home'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true });
});

/** The files of the cache with the times of their last change. */
function cached(): Record<string, number> {
  const names = fs.readdirSync(compileCache(), { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    names
      .map((name) => [name, fs.statSync(path.join(compileCache(), name))] as const)
      .filter(([, stat]) => stat.isFile())
      .map(([name, stat]) => [name, stat.mtimeMs]),
  );
}

test.for([
  ['in the checkout', () => path.join(workshopRoot, 'solutions/00-fork-exec/box.ts')],
  ['from anywhere else', () => path.join(folder, 'box.ts')],
] as const)('a box.ts %s finds all that it loads, and adds nothing', async ([, place]) => {
  const file = place();
  if (!fs.existsSync(file)) fs.copyFileSync(path.join(workshopRoot, 'solutions/00-fork-exec/box.ts'), file);
  await fillCompileCache(file);
  const before = cached();
  const [node, ...words] = programCommand(file, ['run', 'echo', 'started']);
  const { stdout } = await execa(node!, words, { env: { NODE_COMPILE_CACHE: compileCache() } });
  expect(stdout).toBe('started');
  expect(cached()).toEqual(before);
});

test('is filled again where a file has changed, and only then', async () => {
  const file = path.join(folder, 'changing.ts');
  fs.writeFileSync(file, 'const one: number = 1;\n');
  await fillCompileCache(file);
  const first = cached();
  await fillCompileCache(file);
  expect(cached()).toEqual(first);
  fs.writeFileSync(file, 'const two: number = 22;\n');
  await fillCompileCache(file);
  expect(cached()).not.toEqual(first);
});

test('does not run the program', async () => {
  const file = path.join(folder, 'writes.ts');
  const trace = path.join(folder, 'ran');
  fs.writeFileSync(file, `import fs from 'node:fs';\nfs.writeFileSync(${JSON.stringify(trace)}, 'x' as string);\n`);
  await fillCompileCache(file);
  expect(fs.existsSync(trace)).toBe(false);
});

test('a program that cannot be compiled is no fault', async () => {
  const file = path.join(folder, 'broken.ts');
  fs.writeFileSync(file, '(((\n');
  await fillCompileCache(file);
});
