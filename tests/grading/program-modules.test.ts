// The files made of what every box.ts loads: a program does with them what it does with the sources.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeProgramModules, programModules } from '../../workshop/grading/program-modules.ts';
import { programCommand } from '../../workshop/grading/student-program.ts';
import { parseTrace } from '../../workshop/grading/trace-lines.ts';

let folder: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-modules-'));
  vi.stubEnv('BOXWRIGHT_HOME', path.join(folder, 'home'));
  await makeProgramModules();
});
afterAll(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true });
});

type Done = { stdout: string; stderr: string; exitCode: number | undefined; trace: object[] };

/** Runs a program with the sources, or with the modules in a folder. */
async function run(program: string, modules: string | null, words: readonly string[] = []): Promise<Done> {
  const file = path.join(folder, 'box.ts');
  fs.writeFileSync(file, program);
  const trace = path.join(folder, 'trace');
  fs.writeFileSync(trace, '');
  const [node, ...rest] = programCommand(file, words);
  const { stdout, stderr, exitCode } = await execa(node!, rest, {
    reject: false,
    env: { BOXWRIGHT_TRACE: trace, ...(modules !== null && { BOXWRIGHT_MODULES: modules }) },
  });
  const lines = parseTrace(fs.readFileSync(trace, 'utf8')).map(({ call, args, line }) => ({ call, args, line }));
  return { stdout, stderr, exitCode, trace: lines };
}

const specifiers = ['#linux', '#linux/seccomp', '#command-line', '#cgroup'];

test.for(specifiers)('%s has the same names', async (specifier) => {
  const program = `import * as all from '${specifier}'; console.log(Object.keys(all).sort().join());`;
  const made = await run(program, programModules());
  expect(made.stdout).not.toBe('');
  expect(made).toEqual(await run(program, null));
});

test('they are what a program gets, where the folder has them', async () => {
  const own = path.join(folder, 'own');
  fs.mkdirSync(own);
  fs.writeFileSync(path.join(own, 'linux.mjs'), 'export const mine = 1;\n');
  const program = `import * as linux from '#linux'; import * as cgroup from '#cgroup';
    console.log(Object.keys(linux).join(), Object.keys(cgroup).length > 0);`;
  expect((await run(program, own)).stdout).toBe('mine true');
});

describe('what is shown of a program that fails', () => {
  const program = `import * as linux from '#linux';
    import { box } from '#command-line';
    box(() => {
      linux.getpid();
      linux.chroot('/no/such/place');
      return 0;
    });`;

  test('is the same, with the same lines of its own', async () => {
    const made = await run(program, programModules(), ['run', 'true']);
    const trace = [
      { call: 'getpid', line: 4 },
      { call: 'chroot', line: 5 },
    ];
    expect(made).toMatchObject({ exitCode: 125, trace });
    expect(made.stderr).toContain('box.ts:5:13');
    expect(made).toEqual(await run(program, null, ['run', 'true']));
  });

  test('so is an instance of an error', async () => {
    const catching = program.replace(/linux\.chroot\(.*\);/, (call) => {
      return `try { ${call} } catch (error) { console.log(error instanceof linux.LinuxError, (error as Error).name); }`;
    });
    expect((await run(catching, programModules(), ['run', 'true'])).stdout).toBe('true LinuxError');
  });
});

test('the command does not hear of it', async () => {
  const program = `import { execvp } from '#linux'; execvp('env', ['env']);`;
  expect((await run(program, programModules())).stdout).not.toContain('BOXWRIGHT_MODULES');
});

test('are made once, of the sources as they are', async () => {
  const made = programModules()!;
  const { ino } = fs.statSync(made);
  await makeProgramModules();
  expect(fs.statSync(made).ino).toBe(ino);
  expect(fs.readdirSync(path.dirname(made))).toEqual([path.basename(made)]);
  fs.rmSync(made, { recursive: true });
  expect(programModules()).toBeNull();
  await makeProgramModules();
  expect(programModules()).toBe(made);
});
