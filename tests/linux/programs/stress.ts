// Makes many children one after another and counts how they end: stress.ts KIND COUNT. Prints one line of JSON.
import fs from 'node:fs';
import { getHeapSpaceStatistics } from 'node:v8';
import * as linux from '#linux';
import { print } from './cases.ts';

/** Far more than a child needs on a slow machine: one that has not ended by then never will. */
const hungAfterMilliseconds = 60_000;
const heavyObjects = 1_000_000;

const flags = linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.SIGCHLD;

type Kind = { make(child: () => number): number; before?(): void; child(): number };

const kinds: Readonly<Record<string, Kind>> = {
  'light-fork': { make: byFork, child: () => 0 },
  'light-clone': { make: byClone, child: () => 0 },
  'heavy-fork': { make: byFork, child: allocate },
  'heavy-clone': { make: byClone, child: allocate },
  // The parent's heap is in another state at each fork.
  'random-fork': { make: byFork, before: allocateAtRandom, child: () => 0 },
  // The next object of the parent, or of the child, starts a garbage collection.
  'full-fork': { make: byFork, before: fillYoungSpace, child: allocate },
  'full-clone': { make: byClone, before: fillYoungSpace, child: allocate },
};

const kept: unknown[] = [];

const [name = '', count = ''] = process.argv.slice(2);
const kind = kinds[name];
if (kind === undefined || !/^\d+$/.test(count)) {
  throw new Error(`stress.ts KIND COUNT, and KIND is one of ${Object.keys(kinds).join(', ')}`);
}

// libuv's threads exist from here on, and no child has them.
await Promise.all(Array.from({ length: 16 }, () => fs.promises.readFile('/proc/self/status')));
const threads = fs.readdirSync('/proc/self/task').length;

const ends: Record<string, number> = {};
const start = performance.now();
for (let index = 0; index < Number(count); index += 1) {
  kind.before?.();
  const end = endOf(kind.make(kind.child));
  ends[end] = (ends[end] ?? 0) + 1;
}
print({ kind: name, count: Number(count), threads, milliseconds: performance.now() - start, ends });

function byFork(child: () => number): number {
  const pid = linux.fork();
  if (pid !== 0) return pid;
  linux._exit(child());
}

function byClone(child: () => number): number {
  return linux.clone(child, flags);
}

function allocate(): number {
  let last: { index: number; text: string; before: unknown } | undefined;
  for (let index = 0; index < heavyObjects; index += 1) {
    // Chains of a thousand live for a while, as objects of programs do.
    last = { index, text: `object ${index}`, before: index % 1000 === 0 ? undefined : last };
  }
  return last?.index === heavyObjects - 1 ? 0 : 1;
}

function allocateAtRandom(): void {
  const objects = Math.floor(Math.random() ** 3 * 20_000);
  for (let index = 0; index < objects; index += 1) {
    kept[Math.floor(Math.random() * 50_000)] = { index, text: 'x'.repeat(index % 100) };
  }
  if (Math.random() < 0.1) kept.push(Buffer.alloc(Math.floor(Math.random() * 1e6)));
  if (Math.random() < 0.01) kept.length = 0;
}

function fillYoungSpace(): void {
  kept.length = 0;
  do {
    for (let index = 0; index < 50; index += 1) kept.push({ index });
  } while (youngSpaceLeft() > 20_000);
}

/** In bytes. */
function youngSpaceLeft(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')!.space_available_size;
}

/** How a child ended: `0`, another status, `signal N`, or `hung`. */
function endOf(pid: number): string {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + hungAfterMilliseconds;
  for (;;) {
    const status = linux.waitpid(pid, linux.WNOHANG);
    if (status.signal !== null) return `signal ${status.signal}`;
    if (status.exitCode !== null) return String(status.exitCode);
    if (performance.now() > deadline) {
      linux.kill(pid, linux.SIGKILL);
      linux.waitpid(pid);
      return 'hung';
    }
    Atomics.wait(cell, 0, 0, 0.2);
  }
}
