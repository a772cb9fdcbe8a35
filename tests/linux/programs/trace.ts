// Programs whose calls are traced. The tests know the lines by their text.
import fs from 'node:fs';
import * as linux from '#linux';
import { inChild, print, runCase, thrown } from './cases.ts';

await runCase({
  calls() {
    fs.mkdirSync('place');
    linux.getpid(); // call: getpid
    linux.mount('tmpfs', 'place', 'tmpfs', linux.MS_NODEV | linux.MS_NOEXEC, 'size=1m'); // call: mount
    thrown(() => linux.umount('/no/such/place')); // call: umount
    linux.umount2('place', linux.MNT_DETACH); // call: umount2
    linux.setgroups([1, 2]); // call: setgroups
    linux.umask(0o22); // call: umask
    linux.mknod('null', linux.S_IFCHR | 0o600, linux.makedev(1, 3)); // call: mknod
    linux.kill(linux.getpid(), 0); // call: kill
    linux.unshare(linux.CLONE_NEWUTS | linux.CLONE_NEWIPC); // call: unshare
    linux.sethostname('traced'); // call: sethostname
    linux.chroot('/'); // call: chroot
    thrown(() => linux.pivot_root('/no', '/such')); // call: pivot_root
    linux.setgid(5); // call: setgid
    linux.setuid(6); // call: setuid
  },
  family() {
    const pid = linux.fork(); // call: fork
    if (pid === 0) {
      inChild(() => linux.getpid()); // call: grandchild
      linux.execvp('true', ['true', 'a b']); // call: execvp
    }
    linux.waitpid(pid); // call: waitpid
    const other = linux.clone(() => {
      linux.getpid();
      linux._exit(3); // call: _exit
    }, linux.CLONE_NEWPID | linux.SIGCHLD);
    linux.waitpid(other);
  },
  failures() {
    thrown(() => linux.execvp('no-such-program', ['x']));
    thrown(() => linux.waitpid(1));
    linux.unshare(linux.CLONE_NEWPID);
    inChild(() => {});
    thrown(() => linux.fork());
  },
  ways() {
    for (const leave of [
      () => {
        throw new Error('in the child');
      },
      () => process.exit(3),
    ]) {
      const pid = linux.fork();
      if (pid === 0) leave();
      linux.waitpid(pid);
    }
    linux.waitpid(linux.clone(() => 5, linux.SIGCHLD));
    linux.waitpid(linux.clone(() => {}, linux.SIGCHLD));
    const pid = linux.fork();
    if (pid !== 0) linux.waitpid(pid);
  },
  environment() {
    print(process.env['BOXWRIGHT_TRACE'] ?? null);
    linux.execvp('sh', [
      'sh',
      '-c',
      'env; for fd in $(seq 3 200); do if [ -e /proc/$$/fd/$fd ]; then echo "descriptor $fd"; fi; done',
    ]);
  },
  'in-new-root'() {
    linux.mount('tmpfs', '/mnt', 'tmpfs');
    linux.chroot('/mnt');
    linux.getpid();
  },
  closed() {
    for (let fd = 3; fd < 100; fd += 1) {
      try {
        if (fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith('/trace')) fs.closeSync(fd);
      } catch {
        // Not open.
      }
    }
    print(linux.getpid());
  },
  quiet: () => print(linux.getpid()),
  mode: () => print((fs.statSync('trace').mode & 0o777).toString(8)),
});
