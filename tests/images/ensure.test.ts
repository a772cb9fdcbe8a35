import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWorkspace } from './workspace.ts';

// Only for a question that nobody answers: it would otherwise be waited for without end.
const UNANSWERED_AFTER_MS = 60_000;

const ENSURE = join(import.meta.dirname, '../../workshop/images/ensure.ts');

let workspace: ReturnType<typeof openWorkspace>;
let home: string;
let program: string;

beforeEach(() => {
  workspace = openWorkspace();
  home = join(workspace.path, 'home');
  program = join(workspace.path, 'program.ts');
  writeFileSync(
    program,
    `import { ensureImage } from ${JSON.stringify(ENSURE)};
     try {
       process.stdout.write(\`answer: \${await ensureImage('busybox', { yes: process.argv[2] === 'yes' })}\\n\`);
     } catch (error) {
       process.stdout.write(\`error: \${error.message}\\n\`);
     }`,
  );
  // Whether it would build is all that counts here: no package is fetched.
  const bin = join(workspace.path, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'apt-get'),
    `#!/bin/sh\necho > '${workspace.path}/asked-apt'\necho 'E: not today' >&2\nexit 100\n`,
  );
  chmodSync(join(bin, 'apt-get'), 0o755);
});

afterEach(() => workspace.remove());

const environment = () => ({
  ...process.env,
  BOXWRIGHT_HOME: home,
  PATH: `${workspace.path}/bin:${process.env['PATH']}`,
});

const triedToBuild = () => existsSync(join(workspace.path, 'asked-apt'));

/** Runs the program on a terminal of its own, by util-linux script, and types `keys`. */
function onTerminal(keys: string, ...args: string[]) {
  const command = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const result = spawnSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...environment(), TERM: 'xterm' },
    input: keys,
    encoding: 'utf8',
    timeout: UNANSWERED_AFTER_MS,
    killSignal: 'SIGKILL',
  });
  return { ...result, screen: result.stdout.replaceAll('\r', '') };
}

test('without a terminal it builds unasked, one line a step, and stdout stays clean', () => {
  const result = spawnSync(process.execPath, [program], { env: environment(), encoding: 'utf8' });
  expect(triedToBuild()).toBe(true);
  expect(result.stderr).toBe("image busybox, step 1 of 4: downloading Debian's package busybox-static\n");
  expect(result.stdout).toMatch(/^error: apt-get download busybox-static failed \(not today; .*\n$/);
});

test('an image that is there is not built', () => {
  mkdirSync(join(home, 'images'), { recursive: true });
  writeFileSync(join(home, 'images/busybox.tar'), 'x');
  writeFileSync(join(home, 'images/busybox.json'), '{"name":"busybox","bytes":1}');
  const result = spawnSync(process.execPath, [program], { env: environment(), encoding: 'utf8' });
  expect([result.stdout, result.stderr, triedToBuild()]).toEqual(['answer: true\n', '', false]);
});

test('on a terminal it asks first, and a no is a no', () => {
  const result = onTerminal('n\n');
  expect(result.screen).toContain(
    "The image busybox is not built yet. Build it now from Debian's package busybox-static (about 2 MB)? [Y/n]",
  );
  expect(result.screen).toContain('answer: false');
  expect(triedToBuild()).toBe(false);
});

test('on a terminal, Enter is a yes, and a bar shows the build', () => {
  const result = onTerminal('\n');
  expect(result.screen).toContain('error: apt-get download');
  expect(result.screen).toMatch(/busybox \[[█░]+\] 0\/4 downloading/);
  expect(triedToBuild()).toBe(true);
});

test('on a terminal, the end of the input is a no', () => {
  expect(onTerminal('\x04').screen).toContain('answer: false');
  expect(triedToBuild()).toBe(false);
});

test('on a terminal, with yes, it does not ask', () => {
  expect(onTerminal('', 'yes').screen).not.toContain('[Y/n]');
  expect(triedToBuild()).toBe(true);
});
