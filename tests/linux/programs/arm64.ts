// What only an emulated arm64 is asked.
import * as linux from '#linux';
import { inChild, print, runCase, thrown } from './cases.ts';

await runCase({
  'clone-with-namespaces'() {
    print(process.arch);
    print(thrown(() => linux.clone(() => 0, linux.CLONE_NEWUTS | linux.CLONE_NEWNS | linux.SIGCHLD)));
    const { exitCode, signal } = inChild(() => linux._exit(3));
    print({ exitCode, signal });
  },
});
