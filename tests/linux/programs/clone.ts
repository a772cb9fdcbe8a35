// Children made by clone, in namespaces of their own.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, print, runCase, thrown } from './cases.ts';

const kinds = {
  cgroup: linux.CLONE_NEWCGROUP,
  ipc: linux.CLONE_NEWIPC,
  mnt: linux.CLONE_NEWNS,
  net: linux.CLONE_NEWNET,
  pid: linux.CLONE_NEWPID,
  user: linux.CLONE_NEWUSER,
  uts: linux.CLONE_NEWUTS,
} as const;

/** The identity of each of this process's namespaces. */
function namespaces(): Record<string, string> {
  return Object.fromEntries(Object.keys(kinds).map((kind) => [kind, fs.readlinkSync(`/proc/self/ns/${kind}`)]));
}

function ended(pid: number, options = 0): void {
  const { exitCode, signal } = linux.waitpid(pid, options);
  print({ exitCode, signal });
}

await runCase({
  pid() {
    const pid = linux.clone(() => {
      print({ getpid: linux.getpid(), cached: process.pid, ppid: process.ppid });
      linux._exit(3);
    }, linux.CLONE_NEWPID | linux.SIGCHLD);
    print({ pid });
    ended(pid);
  },

  // Which namespaces differ between parent and child, for each flag alone and for all that a container has.
  namespaces() {
    const all = linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWNET;
    const parent = namespaces();
    for (const [name, flags] of [...Object.entries(kinds), ['container', all] as const]) {
      const pid = linux.clone(() => {
        const own = Object.entries(namespaces()).filter(([kind, identity]) => identity !== parent[kind]);
        print({ name, own: own.map(([kind]) => kind) });
        return 0;
      }, flags | linux.SIGCHLD);
      linux.waitpid(pid);
    }
  },

  // A PID namespace ends with its PID 1.
  'kills-all'() {
    const pid = linux.clone(
      () => {
        linux.mount('proc', '/proc', 'proc', 0, '');
        if (linux.fork() === 0) linux.execvp('sleep', ['sleep', '1000']);
        if (linux.fork() === 0) linux.execvp('sleep', ['sleep', '1000']);
        print({ inside: fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length });
        linux._exit(0);
      },
      linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.SIGCHLD,
    );
    ended(pid);
    print({ outside: fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)) });
  },

  status() {
    for (const body of [() => 0, () => 7, () => 256 + 9]) ended(linux.clone(body, linux.SIGCHLD));
  },
  'returns-nothing': () => ended(linux.clone(() => {}, linux.SIGCHLD)),
  async: () => ended(linux.clone((async () => 0) as unknown as () => number, linux.SIGCHLD)),
  throws: () =>
    ended(
      linux.clone(() => {
        throw new Error('in the child');
      }, linux.SIGCHLD),
    ),
  exec: () => ended(linux.clone(() => linux.execvp('sh', ['sh', '-c', 'exit 5']), linux.CLONE_NEWUTS | linux.SIGCHLD)),

  'without-sigchld'() {
    const pid = linux.clone(() => 4, linux.CLONE_NEWUTS);
    print(codeOf(() => linux.waitpid(pid)));
    ended(pid, linux.__WALL);
  },

  refused() {
    print(thrown(() => linux.clone(() => 0, linux.CLONE_NEWNS | 0x200 | linux.SIGCHLD)));
    // 0x100 is CLONE_VM, and bit 31 is CLONE_IO.
    print(thrown(() => linux.clone(() => 0, 0x100 | linux.SIGCHLD)));
    print(thrown(() => linux.clone(() => 0, (1 << 31) | linux.SIGCHLD)));
    print(thrown(() => linux.clone(undefined as unknown as () => number, linux.SIGCHLD)));
    print(thrown(() => linux.clone(() => 0, Number.NaN)));
    print(thrown(() => linux.clone(linux.SIGCHLD as unknown as () => number, (() => 0) as unknown as number)));
  },

  'without-root'() {
    process.setgroups!([]);
    process.setgid!(65534);
    process.setuid!(65534);
    print(thrown(() => linux.clone(() => 0, linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.SIGCHLD)));
  },
});
