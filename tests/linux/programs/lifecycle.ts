// What a container needs that goes on by itself: waiting for signals and for processes that are no children, sessions,
// terminals, and open files that are handed on.
import fs from 'node:fs';
import * as linux from '#linux';
import { codeOf, inChild, print, runCase, thrown, waitUntil } from './cases.ts';

const state = (pid: number): string => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!;
const read = (fd: number): string => {
  const bytes = Buffer.alloc(100);
  return bytes.toString('utf8', 0, fs.readSync(fd, bytes));
};

/** A child that sleeps until it is killed. */
function sleeper(): number {
  const pid = linux.fork();
  if (pid === 0) linux.execvp('sleep', ['sleep', '1000']);
  return pid;
}

await runCase({
  signals() {
    inChild(() => {
      const set = [linux.SIGTERM, linux.SIGUSR1, linux.SIGCHLD];
      linux.sigprocmask(linux.SIG_BLOCK, set);
      linux.kill(linux.getpid(), linux.SIGUSR1);
      print(linux.sigwaitinfo(set));
      linux.kill(linux.getpid(), linux.SIGTERM);
      print(linux.sigwaitinfo(set));
      // Not lost, though it ends before anybody waits.
      const pid = linux.fork();
      if (pid === 0) linux._exit(7);
      waitUntil(() => state(pid) === 'Z');
      print(linux.sigwaitinfo(set));
      print(linux.waitpid(-1, linux.WNOHANG).exitCode);
      print(codeOf(() => linux.waitpid(-1, linux.WNOHANG)));
      print(thrown(() => linux.sigwaitinfo([65]))?.['message']);
      linux.sigprocmask(linux.SIG_UNBLOCK, [linux.SIGTERM]);
      linux.kill(linux.getpid(), linux.SIGTERM);
    });
  },

  // The kernel keeps a signal from PID 1 that has no handler for it, and not one that it has blocked.
  'signals to PID 1'() {
    const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
    const pid = linux.clone(() => {
      linux.sigprocmask(linux.SIG_BLOCK, [linux.SIGUSR2]);
      fs.writeSync(sender, 'blocked');
      return linux.sigwaitinfo([linux.SIGUSR2]);
    }, linux.CLONE_NEWPID | linux.SIGCHLD);
    read(receiver);
    linux.kill(pid, linux.SIGUSR2);
    print(linux.waitpid(pid).exitCode);
  },

  pidfd() {
    const pid = sleeper();
    const pidfd = linux.pidfd_open(pid);
    const entry: linux.PollFd = { fd: pidfd, events: linux.POLLIN };
    print([linux.poll([entry], 0), entry.revents]);
    linux.pidfd_send_signal(pidfd, linux.SIGTERM);
    print([linux.poll([entry], -1), entry.revents]);
    print(linux.waitpid(pid).signal);
    print(codeOf(() => linux.pidfd_send_signal(pidfd, 0)));
    print(thrown(() => linux.pidfd_open(pid))?.['message']);
  },

  // All namespaces of a process at once, as a process with one thread may.
  'setns with a pidfd'() {
    const pid = linux.clone(
      () => {
        linux.sethostname('inside');
        linux.execvp('sleep', ['sleep', '1000']);
      },
      linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.SIGCHLD,
    );
    const pidfd = linux.pidfd_open(pid);
    waitUntil(() => fs.readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
    print(codeOf(() => linux.setns(pidfd, linux.CLONE_NEWNS)));
    inChild(() => {
      linux.setns(pidfd, linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.CLONE_NEWPID);
      print(linux.gethostname());
      inChild(() => print(linux.getpid()));
    });
    linux.kill(pid, linux.SIGKILL);
    linux.waitpid(pid);
  },

  poll() {
    const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
    const entries: linux.PollFd[] = [
      { fd: receiver, events: linux.POLLIN },
      { fd: -1, events: linux.POLLIN },
      { fd: sender, events: linux.POLLOUT },
      { fd: 999, events: linux.POLLIN },
    ];
    print([linux.poll(entries, 0), ...entries.map(({ revents }) => revents)]);
    fs.writeSync(sender, 'x');
    fs.closeSync(sender);
    print([linux.poll(entries.slice(0, 2), -1), ...entries.slice(0, 2).map(({ revents }) => revents)]);
  },

  'session and descriptors'() {
    const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
    inChild(() => {
      print(linux.setsid() === linux.getpid());
      print(codeOf(() => linux.setsid()));
      print(thrown(() => linux.dup2(999, 1))?.['message']);
      linux.dup2(sender, 1);
      linux.execvp('echo', ['echo', 'into the pipe']);
    });
    print(read(receiver));
  },

  'handing on a file'() {
    const [here, there] = linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM | linux.SOCK_CLOEXEC);
    const pid = linux.fork();
    if (pid === 0) {
      fs.closeSync(here);
      const [receiver, sender] = linux.pipe2(linux.O_CLOEXEC);
      linux.send_fd(there, receiver);
      fs.writeSync(sender, 'from the child');
      linux._exit(0);
    }
    fs.closeSync(there);
    print(read(linux.recv_fd(here)));
    linux.waitpid(pid);
    print(thrown(() => linux.recv_fd(here))?.['message']);
    print(codeOf(() => linux.send_fd(here, 999)));
  },

  'a terminal'() {
    const [master, slave] = linux.openpty({ rows: 33, columns: 91 });
    print(linux.tcgetwinsize(slave));
    linux.tcsetwinsize(master, { rows: 44, columns: 100 });
    print(linux.tcgetwinsize(slave));
    const settings = linux.tcgetattr(slave);
    const raw = linux.cfmakeraw(settings);
    linux.tcsetattr(slave, linux.TCSADRAIN, raw);
    print([linux.tcgetattr(slave).equals(raw), raw.equals(settings)]);
    // Raw: a key arrives before the line has ended.
    fs.writeSync(master, 'k');
    print(read(slave));
    linux.tcsetattr(slave, linux.TCSADRAIN, settings);
    const pid = linux.fork();
    if (pid === 0) {
      linux.login_tty(slave);
      linux.execvp('sh', ['sh', '-c', 'read line; echo "$line $(stty size)"']);
    }
    fs.closeSync(slave);
    fs.writeSync(master, 'typed\n');
    linux.waitpid(pid);
    let shown = '';
    try {
      for (;;) shown += read(master);
    } catch (error) {
      print([shown, (error as NodeJS.ErrnoException).code]);
    }
    print(thrown(() => linux.tcgetwinsize(fs.openSync('/dev/null', 'r')))?.['code']);
  },
});
