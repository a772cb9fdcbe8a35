// The C library, opened once. Everything in this folder reaches the kernel through it.
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

if (process.platform !== 'linux') {
  throw new Error(
    `the system calls of Linux are not here: this is ${process.platform}. Start the workshop's virtual machine with: vagrant up`,
  );
}

/** A C function as koffi calls it. */
export type CFunction = (...args: unknown[]) => number;

// koffi's native part, without the JavaScript around it: that finds this very package and adds what is deprecated, and
// takes nearly as long as Node's own start.
const koffiFile = createRequire(import.meta.url).resolve('koffi');
const koffi = createRequire(koffiFile)(`@koromix/koffi-linux-${process.arch}`) as typeof Koffi;
const library = koffi.load('libc.so.6');

/** Declares a function of the C library by its C prototype. */
export function libc(prototype: string): CFunction {
  return library.func(prototype) as CFunction;
}

/**
 * Opens another C library and returns what declares its functions by their prototypes.
 *
 * @throws Error where there is no such file, on the root that this process has now
 */
export function openLibrary(file: string): (prototype: string) => CFunction {
  const opened = koffi.load(file);
  return (prototype) => opened.func(prototype) as CFunction;
}

/** Where the bytes of a buffer lie in memory, for structures that point to others. The buffer must be kept alive. */
export function address(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

const strerrorOf = library.func('const char *strerror(int errnum)') as (errnum: number) => string;

/** The number of the last error. Only true right after the call that failed: any other call may change it. See errno(3). */
export function errno(): number {
  return koffi.errno();
}

/** The C library's sentence for an error number, as strace and perror print it. See strerror(3). */
export function strerror(errnum: number): string {
  return strerrorOf(errnum);
}

const strerrornameOf = library.func('const char *strerrorname_np(int errnum)') as (errnum: number) => string | null;

/** The name of an error number: `ENOENT` for 2. Node's own table lacks some, as ECHILD. See strerrorname_np(3). */
export function strerrorname(errnum: number): string {
  return strerrornameOf(errnum) ?? `error ${errnum}`;
}
