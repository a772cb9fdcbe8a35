// A trace as it was written: a JSON line for each system call.
import type { TraceLine } from '../../linux/trace.ts';

/** The calls in a trace; what is cut at the limit, or written by the program itself and of another form, is left out. */
export function parseTrace(text: string): TraceLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed: unknown = JSON.parse(line);
      return isTraceLine(parsed) ? [parsed] : [];
    } catch {
      return [];
    }
  });
}

/** Whether it has the form of a line of ours; the program may have written it all the same. */
function isTraceLine(value: unknown): value is TraceLine {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Record<keyof TraceLine, unknown>;
  return (
    typeof line.time === 'number' &&
    typeof line.pid === 'number' &&
    typeof line.process === 'string' &&
    typeof line.call === 'string' &&
    Array.isArray(line.args) &&
    line.args.every((argument) => typeof argument === 'string') &&
    (line.phase === 'begins' || line.phase === 'done') &&
    (line.result === null || typeof line.result === 'number') &&
    (line.errno === null || typeof line.errno === 'string') &&
    (line.file === null || typeof line.file === 'string') &&
    (line.line === null || typeof line.line === 'number')
  );
}
