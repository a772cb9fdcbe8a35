// Node's cache of compiled modules for a box.ts and all that it loads: without it, most of a run is Node taking the
// types out of box.ts. Programs in a testbed read it; what they write there is thrown away with the testbed, so it is
// filled out here.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { dataDirectory } from '../paths.ts';
import { makeProgramModules, moduleSources, programModules } from './program-modules.ts';
import { nodeFlags } from './student-program.ts';

const run = promisify(execFile);

/** What every box.ts loads. */
const ours = ['../../linux/index.ts', '../command-line.ts', './program-fs.mjs', './program-tar.mjs'].map((name) =>
  import.meta.resolve(name),
);

/** Where it is: the value for NODE_COMPILE_CACHE. */
export function compileCache(): string {
  return path.join(dataDirectory(), 'cache', 'programs');
}

/**
 * Fills it for `file`, a box.ts, unless it was filled from these very files before. (Node passes over what is out of
 * date, but a program in a testbed cannot renew it.) A cache that cannot be filled only costs time.
 */
export async function fillCompileCache(file: string): Promise<void> {
  const notes = path.join(compileCache(), 'filled-from.json');
  const known = readNotes(notes);
  const wanted = describeSources(file);
  const isFilled = Object.entries(wanted).every(([name, version]) => known[name] === version);
  if (isFilled && programModules() !== null) return;
  // Without them, programs load the sources.
  await makeProgramModules().catch(() => {});
  try {
    await run(process.execPath, [...nodeFlags(file), '--input-type=module', '-e', loading(file)], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache() },
    });
    fs.writeFileSync(notes, JSON.stringify({ ...known, ...wanted }, null, 2) + '\n');
  } catch {
    // Read-only, or full: the check says so itself if it matters.
  }
}

/**
 * A module that runs our modules, and has `file` compiled without running it, for it may do anything: all that a module
 * imports is compiled before the first of it runs, and here the first one throws.
 */
function loading(file: string): string {
  const stop = `data:text/javascript,throw null`;
  const modules = programModules();
  const made =
    modules === null ? [] : fs.readdirSync(modules).map((name) => pathToFileURL(path.join(modules, name)).href);
  const compileOnly = `import ${JSON.stringify(stop)}; import ${JSON.stringify(pathToFileURL(path.resolve(file)).href)};`;
  return [
    ...[...made, ...ours].map((url) => `await import(${JSON.stringify(url)});`),
    // The package itself, which is not there before something of it is used.
    `(await import(${JSON.stringify(import.meta.resolve('./program-tar.mjs'))})).extract.name;`,
    `await import(${JSON.stringify(`data:text/javascript,${encodeURIComponent(compileOnly)}`)}).catch(() => {});`,
  ].join('\n');
}

/** What it is filled from: each file's size and time of change, and the Node, by name. */
function describeSources(file: string): Record<string, string> {
  const files = [
    ...moduleSources(),
    path.join(import.meta.dirname, 'program-loader.cts'),
    fileURLToPath(import.meta.resolve('tar')),
    ...ours.map((url) => fileURLToPath(url)),
    file,
  ];
  const described = files.map((name): [string, string] => {
    const { size, mtimeMs } = fs.statSync(name);
    return [name, `${size} bytes, changed ${mtimeMs}`];
  });
  return { node: process.version, ...Object.fromEntries(described) };
}

function readNotes(file: string): Record<string, string> {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, string>;
  } catch {
    // None yet, or one that was cut off: it is filled again.
    return {};
  }
}
