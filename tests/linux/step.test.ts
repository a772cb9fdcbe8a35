// Stopping around each call: only where somebody asks for it and is there to let the program go on. What a demo does
// with it is tested in tests/cli/demo.test.ts.
import path from 'node:path';
import { expect, test } from 'vitest';
import { requiredNodeFlags } from '../../linux/node-flags.ts';
import { node, runInSandbox } from './run-program.ts';

const program = path.join(import.meta.dirname, 'programs/trace.ts');
const words = [node, ...requiredNodeFlags, program, 'family'];

test('without a trace the program does not stop', async () => {
  const run = await runInSandbox(words, { env: { BOXWRIGHT_STEP: '1' }, limit: 60 });
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
});

test('where the trace cannot be written, the program goes on', async () => {
  const script = 'BOXWRIGHT_STEP=1 BOXWRIGHT_TRACE=9 "$@" 9> /dev/full';
  const run = await runInSandbox(['bash', '-c', script, 'bash', ...words], { limit: 60 });
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
});

test('the processes of a program stop, each at a gate of its own, until somebody opens it', async () => {
  // Opens every gate that is announced, through /proc, and counts them by process and stop.
  const script = String.raw`
    mkfifo trace
    BOXWRIGHT_STEP=1 BOXWRIGHT_TRACE=trace "$@" &
    while read -r line; do
      case $line in *'"stop"'*) ;; *) continue;; esac
      inode=$(echo "$line" | sed 's/.*"inode":\([0-9]*\).*/\1/')
      fd=$(echo "$line" | sed 's/.*"gate":{"fd":\([0-9]*\).*/\1/')
      echo "$line" | sed 's/.*"stop":"\(\w*\)","process":"\([0-9.]*\)","call":"\(\w*\)".*/\2 \1 \3/'
      for gate in /proc/[0-9]*/fd/$fd; do
        [ "$(readlink $gate)" = "pipe:[$inode]" ] && echo go > $gate && break
      done
    done < trace
    wait`;
  const run = await runInSandbox(['bash', '-c', script, 'bash', ...words], { limit: 100 });
  expect(run.exitCode).toBe(0);
  const stops = run.stdout.split('\n');
  for (const stop of [
    '0 before fork',
    '0 after fork',
    '0.1 born fork',
    '0.1.1 born',
    '0 before waitpid',
    '0 after waitpid',
  ]) {
    expect(stops.filter((line) => line.startsWith(stop)).length, stop).toBeGreaterThan(0);
  }
});
