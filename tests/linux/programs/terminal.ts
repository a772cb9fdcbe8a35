// A container on a terminal. What is printed here is read from the terminal.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import * as linux from '#linux';
import { ignores, print, runCase, waitUntil } from './cases.ts';

/** The terminal's settings and which process group it belongs to. */
function terminal(): Record<string, unknown> {
  const settings = spawnSync('stty', ['--save'], { stdio: ['inherit', 'pipe', 'inherit'] });
  // After the program's name, which may hold spaces: state, ppid, pgrp, session, tty_nr, tpgid. See proc(5).
  const fields = fs
    .readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const [, , group, , tty, foreground] = fields.map(Number);
  return { settings: String(settings.stdout).trim(), hasTerminal: tty !== 0, isForeground: group === foreground };
}

/** Runs `argv` in a child, and prints how it ended and whether the terminal is as it was. */
function contain(...argv: string[]): void {
  const before = terminal();
  const parent = linux.getpid();
  const pid = linux.fork();
  if (pid === 0) {
    // The keys are typed when the new program says that it is ready: the parent must be waiting by then.
    waitUntil(() => ignores(parent, linux.SIGQUIT));
    linux.execvp(argv[0]!, argv);
  }
  const { exitCode, signal } = linux.waitpid(pid);
  const after = terminal();
  print({ exitCode, signal, ...after, settings: before['settings'] === after['settings'] });
}

await runCase({
  interrupt: () => contain('sh', '-c', 'trap "exit 5" INT; echo ready; while :; do sleep 60; done'),
  'interrupt-default': () => contain('sh', '-c', 'echo ready; exec sleep 60'),
  quit: () => contain('sh', '-c', 'ulimit -c 0; echo ready; exec sleep 60'),
  // Cannot be stopped by a shell that has left without a word.
  settings: () => contain('sh', '-c', 'stty raw -echo -isig; kill -KILL $$'),
  // An interactive shell makes itself the terminal's foreground group.
  group: () => contain('bash', '--norc', '-i', '-c', 'kill -KILL $$'),
  both: () => contain('bash', '--norc', '-i', '-c', 'stty raw -echo; kill -KILL $$'),
  'not-a-terminal'() {
    const pid = linux.fork();
    if (pid === 0) linux._exit(3);
    print(linux.waitpid(pid).exitCode);
  },
});
