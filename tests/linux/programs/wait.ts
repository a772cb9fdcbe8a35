// Waiting for children.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, ignores, inChild, print, runCase, statusOf, thrown, waitUntil } from './cases.ts';

/** Starts a child that runs `script` in a shell. */
function start(script: string): number {
  const pid = linux.fork();
  if (pid === 0) linux.execvp('sh', ['sh', '-c', script]);
  return pid;
}

await runCase({
  status() {
    for (const script of ['exit 0', 'exit 2', 'exit 255', 'kill -KILL $$', 'kill -TERM $$', 'kill -SEGV $$']) {
      const pid = start(script);
      const { pid: ended, ...status } = linux.waitpid(pid);
      print({ script, same: ended === pid, ...status });
    }
  },

  'any-child'() {
    const pids = [start('exit 1'), start('exit 2'), start('exit 3')];
    const ended = pids.map(() => linux.waitpid(-1));
    const codes = pids.map((pid) => ended.find((status) => status.pid === pid)?.exitCode);
    print(codes);
    print(codeOf(() => linux.waitpid(-1)));
  },

  zombie() {
    const pid = start('exit 0');
    waitUntil(() => statusOf(pid)['State']?.startsWith('Z') === true);
    linux.waitpid(pid);
    print(fs.existsSync(`/proc/${pid}`));
  },

  'without-blocking'() {
    const pid = start('read line');
    print(linux.waitpid(pid, linux.WNOHANG));
    linux.kill(pid, linux.SIGTERM);
    waitUntil(() => statusOf(pid)['State']?.startsWith('Z') === true);
    const { exitCode, signal } = linux.waitpid(pid, linux.WNOHANG);
    print({ exitCode, signal });
  },

  stopped() {
    const pid = start('kill -STOP $$; exit 6');
    const stopped = linux.waitpid(pid, linux.WUNTRACED);
    linux.kill(pid, linux.SIGCONT);
    const { exitCode, signal } = linux.waitpid(pid);
    print({ stopped: { ...stopped, pid: stopped.pid === pid }, continued: { exitCode, signal } });
  },

  'no-child'() {
    const pid = start('exit 0');
    linux.waitpid(pid);
    print([thrown(() => linux.waitpid(pid)), thrown(() => linux.waitpid(1, linux.WNOHANG | linux.WUNTRACED))]);
  },

  'wrong-arguments'() {
    const waitpid = linux.waitpid as (...args: unknown[]) => unknown;
    print(
      [thrown(() => waitpid()), thrown(() => waitpid('1')), thrown(() => waitpid(1, 0.5))].map(
        (error) => error?.['message'],
      ),
    );
  },

  // Ctrl-C reaches every process of the terminal. Not from PID 1: no signal of its own namespace ends that one.
  interrupted() {
    const { exitCode, signal } = inChild(() => {
      const waiter = linux.getpid();
      const before = statusOf();
      const pid = linux.fork();
      if (pid === 0) {
        print({ childIgnores: [ignores(linux.getpid(), linux.SIGINT), ignores(linux.getpid(), linux.SIGQUIT)] });
        waitUntil(() => ignores(waiter, linux.SIGINT) && ignores(waiter, linux.SIGQUIT));
        linux.kill(waiter, linux.SIGINT);
        linux.kill(waiter, linux.SIGQUIT);
        linux._exit(4);
      }
      print(linux.waitpid(pid).exitCode);
      const after = statusOf();
      print(['SigIgn', 'SigCgt', 'SigBlk'].map((name) => after[name] === before[name]));
    });
    print({ exitCode, signal });
  },

  // Afterwards a signal does again what it did before.
  'interrupted-later'() {
    const { exitCode, signal } = inChild(() => {
      linux.waitpid(start('exit 0'));
      linux.kill(linux.getpid(), linux.SIGINT);
    });
    print({ exitCode, signal });
  },
});
