// Loaded before a box.ts. What it imports is the same as without this; most of it comes later, when it is used, or not:
//
// - `tar` is loaded at its first call. A container whose image is unpacked already does without.
// - `import fs from 'node:fs'` is answered with the module itself. Node would read every property of it first, and so
//   load fs.promises, which nobody asked for.
// - `#linux` and its like are answered with files made of them, where BOXWRIGHT_MODULES names a folder of such: see
//   program-modules.ts.
// - A box.ts from outside the checkout gets `#linux`, `#command-line` and the packages of this workshop.
//
// Together the first three take half from the time in which a container starts. This is for `--require`: an ES module
// for `--import` would cost some of that.
const { registerHooks } = process.getBuiltinModule('node:module');
const { existsSync, readFileSync } = process.getBuiltinModule('node:fs');
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule('node:url');

const here = pathToFileURL(__filename).href;
const checkout = new URL('../../', here).href;
const tarWhenUsed = new URL('program-tar.mjs', here).href;
const plainFs = new URL('program-fs.mjs', here).href;

/** The folder. Not for the command, which inherits our environment. */
const modules = process.env['BOXWRIGHT_MODULES'];
delete process.env['BOXWRIGHT_MODULES'];

registerHooks({
  resolve(specifier, context, nextResolve) {
    const parent = context.parentURL;
    if (parent !== undefined && isStudents(parent)) {
      const made = specifier.startsWith('#') ? moduleMadeOf(specifier) : null;
      if (made !== null) return own(made);
      if (specifier === 'tar') return own(tarWhenUsed);
      if (specifier === 'node:fs' && importsNoNames(parent)) return own(plainFs);
      const isBare = !/^(?:[./]|[a-z]+:)/.test(specifier);
      if (isBare && isOutside(parent)) return nextResolve(specifier, { ...context, parentURL: here });
    }
    const resolved = nextResolve(specifier, context);
    // A lone file has no package.json that says it is an ES module.
    const isLone = isOutside(resolved.url) && resolved.url.endsWith('.ts');
    return isLone ? { ...resolved, format: 'module-typescript' } : resolved;
  },
});

function own(url: string): { url: string; format: 'module'; shortCircuit: true } {
  return { url, format: 'module', shortCircuit: true };
}

function moduleMadeOf(specifier: string): string | null {
  if (modules === undefined) return null;
  const file = `${modules}/${specifier.slice(1).replaceAll('/', '-')}.mjs`;
  return existsSync(file) ? pathToFileURL(file).href : null;
}

function isStudents(url: string): boolean {
  return url.endsWith('.ts') && !url.includes('/node_modules/');
}

function isOutside(url: string): boolean {
  return url.startsWith('file:') && !url.startsWith(checkout);
}

/** Whether what a file imports of node:fs is the module as a whole, and no name in it. */
function importsNoNames(url: string): boolean {
  return !/import[^;'"]*[{*][^;'"]*from\s*['"]node:fs['"]/.test(readFileSync(fileURLToPath(url), 'utf8'));
}
