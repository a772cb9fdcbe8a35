// Children made by fork, and every way in which one can end.
import fs from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';
import * as linux from '#linux';
import { inChild, print, runCase, thrown } from './cases.ts';

/** Forks a child for `body`, which decides how it ends; prints how it did. */
function watch(body: () => void): void {
  const parent = linux.getpid();
  process.on('exit', () => print({ exitHandlerOf: linux.getpid() === parent ? 'parent' : 'child' }));
  const pid = linux.fork();
  if (pid === 0) {
    body();
    return;
  }
  const { exitCode, signal } = linux.waitpid(pid);
  print({ exitCode, signal });
}

function endlessly(depth: number): number {
  return endlessly(depth + 1) + 1;
}

await runCase({
  both() {
    const local = { changed: false };
    const pid = linux.fork();
    if (pid === 0) {
      local.changed = true;
      print({ in: 'child', ppid: process.ppid, pid: linux.getpid(), cached: process.pid, ...local });
      linux._exit(7);
    }
    const status = linux.waitpid(pid);
    print({ in: 'parent', pid: linux.getpid(), child: pid, ...local, status });
  },

  heap() {
    const before = Array.from({ length: 100_000 }, (_, index) => ({ index, text: `object ${index}` }));
    const { exitCode, signal } = inChild(() => {
      let sum = 0;
      for (const { index, text } of before) sum += text.endsWith(String(index)) ? 1 : 0;
      linux._exit(sum === before.length ? 0 : 1);
    });
    print({ exitCode, signal });
  },

  generations() {
    const deepest = (depth: number): number => {
      const pid = linux.fork();
      if (pid !== 0) return linux.waitpid(pid).exitCode ?? 255;
      linux._exit(depth === 1 ? 1 : deepest(depth - 1) + 1);
    };
    print(deepest(5));
  },

  throw: () =>
    watch(() => {
      JSON.parse('{');
    }),
  'throw-with-cause': () =>
    watch(() => {
      try {
        linux.mount('proc', '/no/such/place', 'proc', 0, '');
      } catch (error) {
        throw new Error('cannot show processes', { cause: error });
      }
    }),
  'throw-string': () =>
    watch(() => {
      throw 'just a string'; // oxlint-disable-line no-throw-literal -- what is tested
    }),
  'throw-despite-handler': () => {
    process.on('uncaughtException', () => print('the handler of the parent'));
    watch(() => {
      throw new Error('in the child');
    });
  },
  'stack-overflow': () =>
    watch(() => {
      endlessly(0);
    }),
  'throw-in-callback': () =>
    watch(() => {
      queueMicrotask(() => {
        throw new Error('in a callback');
      });
    }),
  'reject-nothing-waits': () =>
    watch(() => {
      void Promise.reject(new Error('rejected in the child'));
    }),
  'process-exit': () =>
    watch(() => {
      process.exit(0);
    }),
  'process-exit-code': () =>
    watch(() => {
      process.exitCode = 0;
    }),
  'process-abort': () =>
    watch(() => {
      process.abort();
    }),
  'fall-off': () => watch(() => {}),
  'fall-off-waiting': () =>
    watch(() => {
      setInterval(() => {}, 1000);
    }),
  'fall-off-file': () =>
    watch(() => {
      void fs.promises.readFile('/proc/self/status');
    }),
  async 'await-forever'() {
    watch(() => {});
    if (linux.getpid() !== 1) await new Promise(() => {});
  },
  'stderr-closed': () =>
    watch(() => {
      fs.closeSync(2);
      throw new Error('nobody hears this');
    }),
  'exec-fails': () => watch(() => linux.execvp('no-such-program', ['no-such-program'])),
  _exit: () =>
    watch(() => {
      linux._exit(42);
    }),

  'without-flags': () => print([thrown(() => linux.fork()), thrown(() => linux.clone(() => 0, 0))]),

  worker() {
    if (!isMainThread) {
      print([thrown(() => linux.fork()), thrown(() => linux.clone(() => 0, linux.SIGCHLD))]);
      return;
    }
    new Worker(import.meta.filename, { argv: ['worker'] });
  },

  // The first child in a new PID namespace is its PID 1; without it the namespace makes no more processes.
  'no-more-processes'() {
    linux.unshare(linux.CLONE_NEWPID);
    inChild(() => {});
    print(thrown(() => linux.fork()));
  },
});
