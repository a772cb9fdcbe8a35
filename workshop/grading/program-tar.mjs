// What `import * as tar from 'tar'` gives a box.ts: the package, loaded when the first of it is used. See
// program-loader.cts.
const { createRequire } = process.getBuiltinModule('node:module');

let loaded;

function load() {
  try {
    loaded ??= createRequire(import.meta.url)('tar');
  } catch (error) {
    // The root directory is another one by now.
    throw new Error('the package tar was not loaded before this process changed its root: use tar before that', {
      cause: error,
    });
  }
  return loaded;
}

/** The function or class of this name, which is not there yet. */
function later(name) {
  return new Proxy(function () {}, {
    apply: (_target, self, args) => Reflect.apply(load()[name], self, args),
    construct: (_target, args, made) => Reflect.construct(load()[name], args, made),
    get: (_target, key) => load()[name][key],
  });
}

export const Header = later('Header');
export const Pack = later('Pack');
export const PackJob = later('PackJob');
export const PackSync = later('PackSync');
export const Parser = later('Parser');
export const Pax = later('Pax');
export const ReadEntry = later('ReadEntry');
export const Unpack = later('Unpack');
export const UnpackSync = later('UnpackSync');
export const WriteEntry = later('WriteEntry');
export const WriteEntrySync = later('WriteEntrySync');
export const WriteEntryTar = later('WriteEntryTar');
export const c = later('c');
export const create = later('create');
export const extract = later('extract');
export const filesFilter = later('filesFilter');
export const list = later('list');
export const r = later('r');
export const replace = later('replace');
export const t = later('t');
export const types = later('types');
export const u = later('u');
export const update = later('update');
export const x = later('x');
