// Level 00 in another shape: clone without namespaces, the parent's part first, other names.
import * as linux from '#linux';
import { box } from '#command-line';

box(({ command: words }) => {
  const child = linux.clone(() => {
    try {
      return linux.execvpe(words[0]!, words, process.env);
    } catch (problem) {
      process.stderr.write(`${String(problem)}\n`);
      return problem instanceof linux.LinuxError && problem.code === 'ENOENT' ? 127 : 126;
    }
  }, linux.SIGCHLD);
  const ended = linux.waitpid(child);
  if (ended.signal !== null) return 128 + ended.signal;
  return ended.exitCode!;
});
