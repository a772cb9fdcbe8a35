import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openWorkspace } from './workspace.ts';

const SETUP = join(import.meta.dirname, '../../workshop/cli/setup.ts');

const NOBODY = 65534;

function setup(args: string[], options: { uid?: number; env?: Record<string, string> } = {}) {
  return spawnSync(process.execPath, [SETUP, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
}

/** Whether somebody else than root may enter this checkout and run this Node. */
const isOpen = process.getuid?.() === 0 && setup(['--help'], { uid: NOBODY }).status === 0;

test('--help says what there is', () => {
  const result = setup(['--help']);
  expect(result.status).toBe(0);
  expect(result.stdout).toMatch(/^Usage: npm run setup/);
  for (const option of ['--all', '--force', '--help']) expect(result.stdout).toContain(option);
  for (const line of result.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('a word that it does not know is one sentence and status 2', () => {
  for (const [word, says] of [
    ['--everything', "unknown option '--everything'"],
    ['busybox', "unexpected argument 'busybox'"],
    ['--all=no', "option '--all' does not take an argument"],
  ] as const) {
    const result = setup([word]);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toBe(`${says}\nUsage: npm run setup -- [options]\n`);
  }
});

test.runIf(isOpen)('without root and without sudo: one sentence and status 3', () => {
  const result = setup([], { uid: NOBODY, env: { PATH: '/nonexistent' } });
  expect(result.status).toBe(3);
  expect(result.stderr).toMatch(/^Not ready: this needs root, and there is no sudo here: run it as root, .*\n$/);
});

test.runIf(isOpen)('without root: runs again through sudo with the same Node, home and options', () => {
  using workspace = openWorkspace();
  chmodSync(workspace.path, 0o755);
  const bin = join(workspace.path, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'sudo'), '#!/bin/sh\necho "$@"\nexit "${SUDO_STATUS:-0}"\n');
  chmodSync(join(bin, 'sudo'), 0o755);
  const env = { PATH: `${bin}:/usr/bin:/bin`, BOXWRIGHT_HOME: '/some/where' };

  const result = setup(['--all', '--force'], { uid: NOBODY, env });
  expect(result.stderr).toBe('This makes containers, which needs root: using sudo.\n');
  expect(result.stdout).toMatch(/^-- env BOXWRIGHT_HOME=\/some\/where /);
  expect(result.stdout.endsWith(` ${process.execPath} ${SETUP} --all --force\n`)).toBe(true);
  expect(result.status).toBe(0);
  expect(setup([], { uid: NOBODY, env: { ...env, SUDO_STATUS: '3' } }).status).toBe(3);
});
