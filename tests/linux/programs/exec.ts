// Becoming another program.
import fs from 'node:fs';
import koffi from 'koffi';
import * as linux from '#linux';
import { inChild, print, runCase, statusOf, thrown, waitUntil } from './cases.ts';

const libc = koffi.load('libc.so.6');

/** Becomes a shell that runs `script`. */
function shell(script: string): never {
  return linux.execvp('sh', ['sh', '-c', script]);
}

function isNonblocking(fd: number): boolean {
  const flags = /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
  return (Number.parseInt(flags, 8) & fs.constants.O_NONBLOCK) !== 0;
}

/** What of this process an exec hands on, and a failed one must leave alone. */
function inherited(): Record<string, unknown> {
  const { SigBlk, SigIgn } = statusOf();
  return { SigBlk, SigIgn, nonblocking: [0, 1, 2].map(isNonblocking) };
}

/** Prints through Node's own streams, and waits for it: this makes Node set O_NONBLOCK on pipes. */
async function useStreams(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write('first\n', () => resolve()));
  await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
  process.stdin.resume();
  process.stdin.pause();
}

function blockSignals(...signals: number[]): void {
  const sigprocmask = libc.func('int sigprocmask(int how, const void *set, void *oldset)');
  const set = Buffer.alloc(128);
  for (const signal of signals)
    set.writeUInt8(set.readUInt8((signal - 1) >> 3) | (1 << ((signal - 1) & 7)), (signal - 1) >> 3);
  const SIG_BLOCK = 0;
  sigprocmask(SIG_BLOCK, set, null);
}

await runCase({
  standard: () => shell('cat; echo out; echo err >&2'),

  // Each case of these is the shell that says what it was given.
  descriptors() {
    const dup = libc.func('int dup(int fd)');
    const open = [dup(0), dup(1), fs.openSync('/dev/null', 'r')];
    if (open.some((fd) => fd < 3)) throw new Error('no descriptor to inherit');
    shell('for fd in $(seq 0 200); do if [ -e /proc/$$/fd/$fd ]; then echo $fd; fi; done');
  },
  async 'descriptor-flags'() {
    await useStreams();
    print(inherited());
    shell('for fd in 0 1 2; do grep flags: /proc/self/fdinfo/$fd; done');
  },
  async 'much-output'() {
    await useStreams();
    linux.execvp('head', ['head', '-c', '50000000', '/dev/zero']);
  },
  async 'much-output-of-child'() {
    await useStreams();
    const pid = linux.fork();
    if (pid === 0) linux.execvp('head', ['head', '-c', '50000000', '/dev/zero']);
    const { exitCode } = linux.waitpid(pid);
    process.exitCode = exitCode ?? 1;
  },

  // The child has cleared O_NONBLOCK long ago when the parent uses the pipe that they share.
  async 'used-while-child-runs'() {
    const pid = linux.fork();
    if (pid === 0) {
      waitUntil(() => fs.existsSync('used'));
      const deadline = performance.now() + 20_000;
      waitUntil(() => !isNonblocking(1) || performance.now() > deadline);
      print({ whileParentWaits: isNonblocking(1) });
      linux._exit(0);
    }
    await useStreams();
    print({ used: isNonblocking(1) });
    fs.writeFileSync('used', '');
    linux.waitpid(pid);
    print({ afterwards: isNonblocking(1) });
  },

  signals() {
    blockSignals(linux.SIGTERM, linux.SIGPIPE, 64);
    // grep(1) would catch a signal of its own.
    linux.execvp('sed', ['sed', '-n', String.raw`/^Sig\(Blk\|Ign\|Cgt\):/p`, '/proc/self/status']);
  },
  'broken-pipe': () => shell('yes | head -n 1'),
  'broken-pipe-status'() {
    // This process is the container's shell here: yes dies of the signal, and complains of nothing.
    print(inChild(() => linux.execvp('bash', ['bash', '-c', 'yes | head -n 1; echo "${PIPESTATUS[0]}"'])).exitCode);
  },

  environment() {
    process.env['ADDED'] = 'by the program';
    delete process.env['REMOVED'];
    linux.execvp('env', ['env']);
  },
  'environment-given': () =>
    linux.execvpe('env', ['env'], { PATH: '/nowhere', ONE: '1', EMPTY: '', LEFT_OUT: undefined, EQUAL: 'a=b c' }),
  path() {
    fs.mkdirSync('bin');
    fs.writeFileSync('bin/hello', '#!/bin/sh\necho "found $1"\n', { mode: 0o755 });
    process.env['PATH'] = `/no/such/directory:${process.cwd()}/bin`;
    linux.execvp('hello', ['hello', 'me']);
  },
  arguments() {
    fs.writeFileSync(
      'show.sh',
      'printf "%s" "$0" | od -An -c | head -n 1; for word; do printf "[%s]\\n" "$word"; done\n',
    );
    linux.execvp('sh', ['sh', 'show.sh', 'two words', '', '$HOME', 'quote\' " `', 'ü → 箱', 'line\nbreak', '-x', '*']);
  },
  'own-name': () => linux.execvp('sh', ['another name', '-c', 'tr "\\0" "\\n" < /proc/$$/cmdline | head -n 1']),

  async failures() {
    fs.writeFileSync('data', 'no program', { mode: 0o644 });
    fs.writeFileSync('broken', '#!/no/such/interpreter\n', { mode: 0o755 });
    fs.mkdirSync('directory');
    blockSignals(linux.SIGTERM);
    await useStreams();
    const before = inherited();
    print([
      thrown(() => linux.execvp('no-such-program', ['no-such-program', 'x'])),
      thrown(() => linux.execvp('./data', ['data'])),
      thrown(() => linux.execvp('./directory', ['directory'])),
      thrown(() => linux.execvp('./broken', ['broken'])),
      thrown(() => linux.execvp('true', ['true', 'x'.repeat(200_000)]))?.['code'],
      thrown(() => linux.execvpe('no-such-program', ['x'], { A: '1' })),
    ]);
    const after = inherited();
    print({ before, after });
  },
  'wrong-arguments'() {
    const execvp = linux.execvp as (...args: unknown[]) => never;
    const execvpe = linux.execvpe as (...args: unknown[]) => never;
    print(
      [
        () => execvp('true', []),
        () => execvp('true', 'true'),
        () => execvp('true', ['true', undefined]),
        () => execvp('true', ['tr\0ue']),
        () => execvp(undefined, ['true']),
        () => execvpe('true', ['true'], { A: 'x\0' }),
      ].map((body) => thrown(body)?.['message']),
    );
  },
});
