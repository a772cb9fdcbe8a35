// What the container runs in each level's demo.
import type { Level } from '../levels.ts';

/**
 * Words for box.ts before the command, what the command's shell does before it holds still, and the supplementary groups
 * that box.ts is started with.
 */
type Shown = { options: readonly string[]; script: string; groups?: readonly number[] };

const commands: Readonly<Record<string, Shown>> = {
  '00': { options: [], script: 'echo "I am process $$, and my parent is $PPID"' },
  '01': { options: [], script: 'pwd; echo /*' },
  '02': { options: [], script: 'ls -C /dev' },
  '03': { options: [], script: 'grep -c . /proc/mounts; echo /*' },
  '04': { options: [], script: 'echo mine > /hello; cat /hello; grep " / " /proc/mounts | cut -c -60' },
  '05': { options: [], script: 'hostname' },
  '06': { options: [], script: 'ps -o pid,comm' },
  '07': { options: ['--cpu-shares', '512'], script: 'cat /proc/self/cgroup | grep -w cpu || cat /proc/self/cgroup' },
  '08': { options: ['--memory', '64m'], script: 'echo "64m is all there is for me"' },
  '09': { options: ['--memory', '64m', '--user', '1000:1000'], script: 'id', groups: [4, 27] },
};

/** What is shown where a level has nothing of its own. */
const usual: Shown = { options: [], script: 'echo "I am process $$"' };

/** What the demo of a level runs. */
export function shownCommand({ number }: Level): Shown {
  return commands[number] ?? usual;
}
