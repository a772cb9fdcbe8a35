import fs from 'node:fs';
import os from 'node:os';
import { expect, test } from 'vitest';
import { runInSandbox } from './run-program.ts';

/** Whether any process of this machine has `word` among its arguments. */
function isRunning(word: string): boolean {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
      } catch {
        return false;
      }
    });
}

test('a program that hangs is reported as hung, with what it printed, and is gone with all that it started', async () => {
  // A number of seconds that nobody else asks for.
  const word = `36000.${process.pid}`;
  const script = `echo before; setsid sleep ${word} & trap "" TERM INT HUP; while :; do sleep ${word}; done`;
  const end = runInSandbox(['sh', '-c', script], { limit: 3 });
  await expect(end).rejects.toThrow(/^hung: [^]* did not end in 3 s\. It printed:\nbefore\n/);
  expect(isRunning(word)).toBe(false);
});

test('a sandbox has mounts, hostname, processes and files of its own', async () => {
  const file = `file-${process.pid}`;
  const script = `cat > /proc/sys/kernel/hostname; touch ${file}; pwd; ls; echo $$; uname -n`;
  const run = await runInSandbox(['sh', '-c', script], { input: 'in-a-sandbox\n' });
  const [directory, ...rest] = run.stdout.trim().split('\n');
  expect(run.stderr).toBe('');
  expect(rest).toEqual([file, '1', 'in-a-sandbox']);
  expect(os.hostname()).not.toBe('in-a-sandbox');
  expect(fs.existsSync(`${directory}/${file}`)).toBe(false);
});
