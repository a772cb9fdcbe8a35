// Level 01 in another shape: unpacked in the child, chdir before chroot, mounts after it.
import fs from 'node:fs';
import * as tar from 'tar';
import * as linux from '#linux';
import { box } from '#command-line';

box(({ image, imageDir, containerDir, command }) => {
  const archive = `${imageDir}/${image}.tar`;
  fs.accessSync(archive);
  fs.mkdirSync(containerDir, { recursive: true });
  const home = fs.mkdtempSync(`${containerDir}/c-`);
  fs.chmodSync(home, 0o755);
  const child = linux.fork();
  if (child === 0) {
    tar.extract({ file: archive, cwd: home, sync: true, preservePaths: true, chmod: true });
    process.chdir(home);
    linux.chroot('.');
    linux.mount('none', '/proc', 'proc', linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC);
    linux.mount('none', '/sys', 'sysfs', linux.MS_RDONLY);
    linux.mount('none', '/dev', 'tmpfs');
    try {
      linux.execvp(command[0]!, command);
    } catch (error) {
      fs.writeSync(2, `${String(error)}\n`);
      linux._exit(error instanceof linux.LinuxError && error.code === 'ENOENT' ? 127 : 126);
    }
  }
  const { exitCode, signal } = linux.waitpid(child);
  return exitCode ?? 128 + signal!;
});
