// Makes a child at once, while Node's own threads are still about to start, and says how it ended.
import * as linux from '#linux';
import { print } from './cases.ts';

const pid = linux.clone(() => {
  linux._exit(Array.from({ length: 1000 }, () => Buffer.alloc(100_000)).length === 1000 ? 0 : 1);
}, linux.SIGCHLD);
print(linux.waitpid(pid).exitCode);
