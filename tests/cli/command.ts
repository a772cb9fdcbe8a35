// Runs the workshop's commands as a user does, but with a data folder, a progress file and a PATH of the test's own.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { workshopRoot } from '../../workshop/paths.ts';

/** What `npm run NAME` starts. */
const start = path.join(workshopRoot, 'workshop/cli/start.mjs');

/** How a command ended, and what it wrote. */
export type Ended = { status: number | undefined; signal: string | undefined; stdout: string; stderr: string };

/** Runs a command to its end: `['check', '00', '--json']`. */
export async function run(
  words: readonly string[],
  options: {
    env?: Record<string, string>;
    cwd?: string;
    /** What starts node, in place of the test's own node: `['setpriv', '--reuid=65534', …]`. */
    before?: readonly string[];
    node?: string;
    /** The start.mjs of another checkout. */
    start?: string;
    input?: string;
  } = {},
): Promise<Ended> {
  const [program, ...rest] = [
    ...(options.before ?? []),
    options.node ?? process.execPath,
    options.start ?? start,
    ...words,
  ];
  const { exitCode, signal, stdout, stderr } = await execa(program!, rest, {
    reject: false,
    stripFinalNewline: false,
    input: options.input ?? '',
    cwd: options.cwd ?? workshopRoot,
    // Whatever the tests themselves run in.
    env: { NO_COLOR: undefined, FORCE_COLOR: undefined, ...options.env },
  });
  return { status: exitCode, signal, stdout, stderr };
}

/** A folder for one test, which `using` takes away again. */
export function openFolder(): Disposable & { path: string; program(name: string, script: string): string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'boxwright-cli-'));
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  // For commands that run as somebody else.
  chmodSync(folder, 0o755);
  return {
    path: folder,
    /** Puts a shell script on a PATH of its own, and returns that PATH, with the system's own behind it. */
    program(name, script) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return `${bin}:${process.env['PATH']}`;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The options of setpriv that make an ordinary user. */
export const nobody = ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
