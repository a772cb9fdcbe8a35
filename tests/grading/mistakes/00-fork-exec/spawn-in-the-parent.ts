// child_process is the way to run a command.
// fails: 00.1
// misconception: spawn-instead-of-fork-and-exec
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { box } from '#command-line';

box(({ command }) => {
  const { status, signal, error } = spawnSync(command[0]!, command.slice(1), { stdio: 'inherit' });
  if (error !== undefined) return 127;
  return status ?? 128 + constants.signals[signal!];
});
