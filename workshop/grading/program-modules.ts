// What every box.ts loads of this workshop (`#linux`, `#command-line`, …), put together into a few files without types.
// Node takes half a millisecond for each file that it loads, and there are thirty of them: together they are a fifth of
// the time in which a container starts.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { dataDirectory, workshopRoot } from '../paths.ts';

const run = promisify(execFile);

const linux = path.join(workshopRoot, 'linux');
const workshop = path.join(workshopRoot, 'workshop');

/** By the names of the files made of them, which are those that a box.ts imports: `#linux/seccomp` is linux-seccomp. */
const entries = {
  linux: path.join(linux, 'index.ts'),
  'linux-seccomp': path.join(linux, 'seccomp.ts'),
  'command-line': path.join(workshop, 'command-line.ts'),
  cgroup: path.join(workshop, 'cgroup.ts'),
};

/** Modules that look for something beside themselves, which is not beside what is made of them. */
const placed = [path.join(linux, 'libc.ts'), path.join(workshop, 'paths.ts')];

/** The folder of these files; null where there are none that were made from the sources as they are now. */
export function programModules(): string | null {
  const folder = folderFor(moduleSources());
  return fs.existsSync(folder) ? folder : null;
}

/**
 * Makes them, unless they are there.
 *
 * @throws Error where the folder cannot be written, or what is made cannot be loaded; then the sources are good enough
 */
export async function makeProgramModules(): Promise<void> {
  const folder = folderFor(moduleSources());
  if (fs.existsSync(folder)) return;
  const { rolldown } = await import('rolldown');
  // As rolldown names them.
  const files = placed.map((file) => fs.realpathSync(file));
  const all = path.dirname(folder);
  fs.mkdirSync(all, { recursive: true });
  removeOld(all);
  // Under another name until all of it is there. In the end somebody else may have been faster.
  const unfinished = fs.mkdtempSync(path.join(all, 'unfinished-'));
  try {
    const bundle = await rolldown({
      input: entries,
      platform: 'node',
      plugins: [{ name: 'keep places', transform: (code, id) => (files.includes(id) ? withPlaces(code, id) : null) }],
    });
    await bundle.write({
      dir: unfinished,
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name].mjs',
      codeSplitting: { groups: [{ name: 'system-calls', test: /\/linux\/(?!seccomp)/ }] },
    });
    await bundle.close();
    fs.chmodSync(unfinished, 0o755);
    await tryToLoad(unfinished);
    if (!fs.existsSync(folder)) fs.renameSync(unfinished, folder);
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true });
  }
}

async function tryToLoad(folder: string): Promise<void> {
  const imports = Object.keys(entries).map((name) => pathToFileURL(path.join(folder, `${name}.mjs`)).href);
  const program = imports.map((url) => `import ${JSON.stringify(url)};`).join('');
  await run(process.execPath, [...requiredNodeFlags, '--input-type=module', '-e', program]);
}

function withPlaces(code: string, file: string): string {
  return code
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href))
    .replaceAll('import.meta.dirname', JSON.stringify(path.dirname(file)));
}

/** All that may be in them, and what makes them. */
export function moduleSources(): string[] {
  const files = fs.readdirSync(linux).map((name) => path.join(linux, name));
  const shared = ['paths.ts', 'data-directory.mjs'].map((name) => path.join(workshop, name));
  return [...new Set([...files, ...shared, ...Object.values(entries), import.meta.filename])];
}

/** Another one for other sources, as their sizes and times of change tell; of another checkout, too. */
function folderFor(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = fs.statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\0`);
  }
  return path.join(dataDirectory(), 'cache', 'modules', hash.digest('hex').slice(0, 16));
}

/** Those of a day ago and more: a younger one may be in use. */
function removeOld(all: string): void {
  for (const name of fs.readdirSync(all)) {
    const folder = path.join(all, name);
    const stat = fs.statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > 86_400_000)
      fs.rmSync(folder, { recursive: true, force: true });
  }
}
