// What a failed call throws.
import fs from 'node:fs';
import * as linux from '#linux';
import { print, runCase, thrown } from './cases.ts';

function withoutRoot(): void {
  process.setgroups!([]);
  process.setgid!(65534);
  process.setuid!(65534);
}

/** Calls that only root may make. */
const privileged: Readonly<Record<string, () => unknown>> = {
  chroot: () => linux.chroot('/'),
  clone: () => linux.clone(() => 0, linux.CLONE_NEWPID | linux.SIGCHLD),
  mknod: () => linux.mknod('null', linux.S_IFCHR | 0o666, linux.makedev(1, 3)),
  mount: () => linux.mount('proc', '/proc', 'proc', 0, ''),
  pivot_root: () => linux.pivot_root('/', '/'),
  sethostname: () => linux.sethostname('mine'),
  setgid: () => linux.setgid(0),
  setgroups: () => linux.setgroups([0]),
  setns: () => linux.setns(fs.openSync('/proc/self/ns/uts', 'r'), linux.CLONE_NEWUTS),
  setuid: () => linux.setuid(0),
  umount: () => linux.umount('/proc'),
  umount2: () => linux.umount2('/proc', linux.MNT_DETACH),
  unshare: () => linux.unshare(linux.CLONE_NEWNS),
};

function mountNowhere(): void {
  linux.mount('proc', '/no/such/place', 'proc', linux.MS_NOSUID | linux.MS_NODEV, '');
}

await runCase({
  shape() {
    try {
      mountNowhere();
    } catch (error) {
      const { name, message, syscall, errno, code, args, stack } = error as linux.LinuxError;
      print({ name, message, syscall, errno, code, args, isError: error instanceof Error });
      print(stack!.split('\n').slice(0, 2));
    }
  },
  uncaught: () => mountNowhere(),
  // Each call in between sets errno as well.
  kept() {
    const values: unknown[] = [];
    for (let index = 0; index < 200; index += 1) {
      fs.existsSync('/no/such/place/either');
      console.error(index);
      values.push(thrown(() => linux.umount2('/proc/self/status', 0x4000_0000))?.['code']);
      values.push(thrown(() => linux.chroot('/proc/self/status'))?.['code']);
      values.push(thrown(() => linux.setns(9999))?.['code']);
    }
    print([...new Set(values)]);
  },
  'without-root'() {
    withoutRoot();
    for (const [name, body] of Object.entries(privileged)) {
      const error = thrown(body);
      print({ name, syscall: error?.['syscall'], code: error?.['code'], message: error?.['message'] });
    }
  },
  // Root that was left no privileges, as in a plain container.
  'root-without-privileges': () => print(thrown(() => linux.mount('proc', '/proc', 'proc', 0, ''))?.['message']),
});
