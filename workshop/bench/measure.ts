// Measures how long commands take, in turns: whatever else the machine does hits all of them alike.
//
// As a program it measures where it is started, in a testbed for example: measure.ts JSON, and it prints JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A command to be measured. */
export type Subject = {
  name: string;
  command: readonly string[];
  /** Joins this process's environment. */
  env?: Record<string, string>;
  cwd?: string;
};

/** How long its runs took, in milliseconds. */
export type Measured = { name: string; times: number[] };

/**
 * Runs each subject once to warm up and then `repeats` times, in turns.
 *
 * @throws Error with what it wrote to stderr where a run does not end with status 0
 */
export async function measure(
  subjects: readonly Subject[],
  repeats: number,
  signal?: AbortSignal,
): Promise<Measured[]> {
  const measured = subjects.map(({ name }): Measured => ({ name, times: [] }));
  for (let round = 0; round <= repeats; round += 1) {
    for (const [index, subject] of subjects.entries()) {
      const time = await timeOf(subject, signal);
      if (round > 0) measured[index]!.times.push(time);
    }
  }
  return measured;
}

async function timeOf({ name, command: [file, ...args], env, cwd }: Subject, signal?: AbortSignal): Promise<number> {
  const start = performance.now();
  const child = spawn(file!, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
    signal,
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [status] = (await once(child, 'exit')) as [number | null];
  const time = performance.now() - start;
  if (status !== 0) throw new Error(`${name} ended with status ${status}: ${complaint.trim()}`);
  return time;
}

/** The middle one. */
export function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

if (import.meta.main) {
  const { subjects, repeats } = JSON.parse(process.argv[2]!) as { subjects: Subject[]; repeats: number };
  process.stdout.write(JSON.stringify(await measure(subjects, repeats)));
}
