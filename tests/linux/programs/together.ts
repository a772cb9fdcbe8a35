// What processes use to wait for each other: pipes and locks.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, inChild, print, runCase, thrown } from './cases.ts';

await runCase({
  pipe() {
    const [read, write] = linux.pipe2(linux.O_CLOEXEC);
    const pid = linux.fork();
    if (pid === 0) {
      fs.closeSync(write);
      // Until every writing end is closed.
      print(fs.readFileSync(read, 'utf8'));
      linux._exit(0);
    }
    fs.closeSync(read);
    fs.writeSync(write, 'it is');
    fs.writeSync(write, ' done');
    fs.closeSync(write);
    print(linux.waitpid(pid).exitCode);
  },
  'pipe-flags'() {
    const flagsOf = (fd: number): string =>
      /^flags:\t(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
    print([linux.pipe2(linux.O_CLOEXEC).map(flagsOf), linux.pipe2(0).map(flagsOf)]);
    print(thrown(() => linux.pipe2(1))?.['message']);
    print(thrown(() => linux.pipe2(undefined as unknown as number))?.['name']);
  },
  flock() {
    fs.writeFileSync('lock', '');
    const attempt = (): unknown => {
      const fd = fs.openSync('lock', 'r');
      try {
        return codeOf(() => linux.flock(fd, linux.LOCK_EX | linux.LOCK_NB));
      } finally {
        fs.closeSync(fd);
      }
    };
    const fd = fs.openSync('lock', 'r');
    linux.flock(fd, linux.LOCK_EX);
    inChild(() => print(attempt()));
    linux.flock(fd, linux.LOCK_UN);
    inChild(() => print(attempt()));
    linux.flock(fd, linux.LOCK_SH);
    print([attempt(), codeOf(() => linux.flock(fs.openSync('lock', 'r'), linux.LOCK_SH | linux.LOCK_NB))]);
    print(thrown(() => linux.flock(9999, linux.LOCK_EX | linux.LOCK_NB))?.['message']);
  },
  'flock-dies'() {
    fs.writeFileSync('lock', '');
    const [read, write] = linux.pipe2(linux.O_CLOEXEC);
    const pid = linux.fork();
    if (pid === 0) {
      linux.flock(fs.openSync('lock', 'r'), linux.LOCK_EX);
      fs.writeSync(write, 'x');
      for (;;) fs.readSync(fs.openSync('/dev/zero', 'r'), Buffer.alloc(1));
    }
    fs.readSync(read, Buffer.alloc(1));
    linux.kill(pid, linux.SIGKILL);
    // Waits until the kernel has ended it.
    linux.flock(fs.openSync('lock', 'r'), linux.LOCK_EX);
    print('mine');
    linux.waitpid(pid);
  },
});
