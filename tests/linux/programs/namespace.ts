// Namespaces, the hostname, and who a process is.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, inChild, print, runCase, statusOf, thrown, waitUntil } from './cases.ts';

/** Uid, Gid or Groups of each of this process's threads. */
function ofThreads(name: string): string[] {
  return fs
    .readdirSync('/proc/self/task')
    .map(
      (tid) =>
        new RegExp(`^${name}:[\\t ]*(.*?)[\\t ]*$`, 'm').exec(
          fs.readFileSync(`/proc/self/task/${tid}/status`, 'utf8'),
        )![1]!,
    );
}

/** A child that waits in namespaces of its own; how to enter them and how to end it. */
function otherNamespaces(flags: number, prepare: () => void): { pid: number; end(): void } {
  const pid = linux.clone(() => {
    prepare();
    fs.writeFileSync('ready', '');
    linux.execvp('sleep', ['sleep', '1000']);
  }, flags | linux.SIGCHLD);
  waitUntil(() => fs.existsSync('ready'));
  return {
    pid,
    end() {
      linux.kill(pid, linux.SIGKILL);
      linux.waitpid(pid);
    },
  };
}

await runCase({
  hostname() {
    linux.sethostname('the-host');
    inChild(() => {
      linux.unshare(linux.CLONE_NEWUTS);
      print(linux.gethostname());
      linux.sethostname('the-container');
      print([linux.gethostname(), fs.readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()]);
    });
    print(linux.gethostname());
    inChild(() => linux.sethostname('of-both'));
    print(linux.gethostname());
    linux.sethostname('n'.repeat(64));
    print([linux.gethostname().length, thrown(() => linux.sethostname('n'.repeat(65)))?.['message']]);
    // 64 bytes, of 32 letters: the kernel counts bytes.
    linux.sethostname('ü'.repeat(32));
    print([linux.gethostname(), codeOf(() => linux.sethostname('ü'.repeat(33)))]);
    print(thrown(() => linux.sethostname(5 as unknown as string))?.['message']);
  },

  'user-namespace'() {
    // The child waits until its map is there, which only the parent can write.
    const [readEnd, writeEnd] = linux.pipe2(linux.O_CLOEXEC);
    const pid = linux.clone(() => {
      fs.closeSync(writeEnd);
      const got = fs.readSync(readEnd, Buffer.alloc(8));
      print([got, process.getuid!(), process.getgid!(), thrown(() => linux.setuid(5))?.['code']]);
      print(thrown(() => linux.mknod('null', linux.S_IFCHR | 0o666, linux.makedev(1, 3)))?.['message']);
      return 0;
    }, linux.CLONE_NEWUSER | linux.SIGCHLD);
    fs.writeFileSync(`/proc/${pid}/uid_map`, '0 0 1');
    fs.writeFileSync(`/proc/${pid}/setgroups`, 'deny');
    fs.writeFileSync(`/proc/${pid}/gid_map`, '7 0 1');
    fs.writeSync(writeEnd, 'go');
    linux.waitpid(pid);
    fs.closeSync(readEnd);
    fs.closeSync(writeEnd);
  },

  pipe() {
    const [readEnd, writeEnd] = linux.pipe2(linux.O_CLOEXEC);
    // Neither end is there in a program that is executed.
    inChild(() => linux.execvp('sh', ['sh', '-c', `ls /proc/$$/fd | grep -c -e '^${readEnd}$' -e '^${writeEnd}$'`]));
    // Nobody has the other end open any more: the read ends with nothing.
    const pid = linux.fork();
    if (pid === 0) {
      fs.closeSync(writeEnd);
      linux._exit(fs.readSync(readEnd, Buffer.alloc(1)));
    }
    fs.closeSync(writeEnd);
    print(linux.waitpid(pid).exitCode);
  },

  'new-pid-namespace'() {
    const before = linux.getpid();
    linux.unshare(linux.CLONE_NEWPID);
    print(linux.getpid() === before);
    inChild(() => print({ getpid: linux.getpid(), cached: process.pid }));
  },

  // What needs a process with a single thread, as a child is and Node never.
  'single-thread'() {
    const attempt = () => [
      codeOf(() => linux.setns(fs.openSync('/proc/self/ns/mnt', 'r'), linux.CLONE_NEWNS)),
      codeOf(() => linux.unshare(linux.CLONE_NEWUSER)),
    ];
    print(attempt());
    inChild(() => print(attempt()));
  },

  setns() {
    linux.sethostname('outside');
    const other = otherNamespaces(linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWPID, () => {
      linux.sethostname('inside');
    });
    const open = (name: string) => fs.openSync(`/proc/${other.pid}/ns/${name}`, 'r');
    const [uts, mnt, pid] = [open('uts'), open('mnt'), open('pid')];
    inChild(() => {
      print([
        thrown(() => linux.setns(uts, linux.CLONE_NEWNET))?.['message'] ===
          `setns(${uts}, CLONE_NEWNET) failed: EINVAL: Invalid argument`,
        codeOf(() => linux.setns(9999)),
      ]);
      linux.setns(uts, linux.CLONE_NEWUTS);
      linux.setns(pid);
      linux.setns(mnt, linux.CLONE_NEWNS);
      print(linux.gethostname());
      const same = ['mnt', 'uts'].map(
        (kind) => fs.readlinkSync(`/proc/self/ns/${kind}`) === fs.readlinkSync(`/proc/${other.pid}/ns/${kind}`),
      );
      print(same);
      // As with unshare, it is the next child that is in the PID namespace.
      inChild(() => print(linux.getpid() > 1 && process.ppid === 0));
    });
    print(linux.gethostname());
    other.end();
  },

  errors() {
    print([
      thrown(() => linux.unshare(linux.CLONE_NEWUSER)),
      thrown(() => linux.unshare(0x1)),
      thrown(() => linux.unshare(1.5)),
      thrown(() => linux.unshare('CLONE_NEWNS' as unknown as number)),
    ]);
  },

  async user() {
    // libuv's threads must change with the others: a call of the kernel's own would leave them root.
    await Promise.all(Array.from({ length: 8 }, () => fs.promises.readFile('/proc/self/status')));
    linux.setgroups([10, 20]);
    print([...new Set(ofThreads('Groups'))]);
    linux.setgroups([]);
    linux.setgid(100);
    linux.setuid(65534);
    print([ofThreads('Uid').length > 4, ...['Uid', 'Gid', 'Groups'].map((name) => [...new Set(ofThreads(name))])]);
    print([
      codeOf(() => linux.setuid(0)),
      codeOf(() => linux.setgid(0)),
      codeOf(() => linux.setgroups([0])),
      codeOf(() => linux.setuid(65534)),
    ]);
  },
  'user-only'() {
    linux.setgroups([4, 24]);
    linux.setuid(65534);
    const { Uid, Gid, Groups } = statusOf();
    print({ Uid, Gid, Groups: Groups?.trim() });
  },
  'user-arguments'() {
    print(
      [
        () => linux.setuid(-1),
        () => linux.setuid(0xffff_ffff),
        () => linux.setgid(undefined as unknown as number),
        () => linux.setgroups([1, Number.NaN]),
      ].map((body) => thrown(body)?.['message']),
    );
    print(thrown(() => linux.setgroups(Array.from({ length: 70_000 }, () => 1)))?.['code']);
    print(statusOf()['Uid']);
  },

  kill() {
    const other = otherNamespaces(0, () => {});
    linux.kill(other.pid, 0);
    other.end();
    print(thrown(() => linux.kill(other.pid, 0))?.['code']);
    print([
      thrown(() => linux.kill(1, 65))?.['message'],
      thrown(() => linux.kill(1, 'SIGTERM' as unknown as number))?.['message'],
    ]);
  },
});
