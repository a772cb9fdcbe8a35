// How an error is shown to whoever wrote box.ts: with the places in their program that it came through.
import { pathToFileURL } from 'node:url';

const here = pathToFileURL(import.meta.dirname).href + '/';

/**
 * The error with its stack, and its causes. Left out are places in Node, in this folder, and in the files of `hidden`:
 * whoever reads it wrote none of them.
 *
 * @param hidden URLs of files, or how they begin
 */
export function describe(error: unknown, hidden: readonly string[] = []): string {
  if (!(error instanceof Error)) return process.getBuiltinModule('node:util').inspect(error);
  const stack = (error.stack ?? String(error)).split('\n').filter((line) => {
    const place = /^ +at (?:.*\()?([^()]*)\)?$/.exec(line)?.[1] ?? '';
    return !/^(?:async )?node:/.test(place) && ![here, ...hidden].some((start) => place.startsWith(start));
  });
  const cause = error.cause === undefined ? '' : `\nCaused by: ${describe(error.cause, hidden)}`;
  return stack.join('\n') + cause;
}
