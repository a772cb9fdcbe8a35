import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageInfo } from '../../workshop/images/image.ts';
import { unpack } from '../../workshop/images/unpack.ts';
import { openWorkspace } from './workspace.ts';

// Two builds from Debian's packages take minutes: only where they are asked for.
const isWanted = process.env['BOXWRIGHT_SLOW'] === '1' && process.getuid?.() === 0;

const BUILD_TIMEOUT_MS = 1_800_000;

const SETUP = join(import.meta.dirname, '../../workshop/cli/setup.ts');

describe.runIf(isWanted)('the image debian', () => {
  let workspace: ReturnType<typeof openWorkspace>;
  let root: string;

  /** Builds in a home of its own, on a machine of the name `hostname`. */
  function build(home: string, hostname: string, umask: string): ImageInfo {
    const script = `hostname ${hostname} && umask ${umask} && exec "$@"`;
    const result = spawnSync('unshare', ['--uts', 'sh', '-c', script, 'sh', process.execPath, SETUP, '--all'], {
      env: {
        ...process.env,
        BOXWRIGHT_HOME: join(workspace.path, home),
        TZ: hostname === 'one' ? 'Asia/Tokyo' : 'UTC',
      },
      encoding: 'utf8',
    });
    expect(result.stderr).toContain('image debian, step 8 of 8: computing the digest');
    expect(result.status).toBe(0);
    expect(readdirSync(join(workspace.path, home, 'images')).toSorted()).toEqual([
      'busybox.json',
      'busybox.tar',
      'debian.json',
      'debian.tar',
    ]);
    return JSON.parse(readFileSync(join(workspace.path, home, 'images/debian.json'), 'utf8')) as ImageInfo;
  }

  let first: ImageInfo;

  beforeAll(() => {
    workspace = openWorkspace();
    root = join(workspace.path, 'root');
    first = build('first', 'one', '022');
    unpack(join(workspace.path, 'first/images/debian.tar'), root);
  }, BUILD_TIMEOUT_MS);

  afterAll(() => workspace.remove());

  function inContainer(script: string): string {
    const prepare = `mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && mount -t tmpfs tmpfs "$0/dev" && mknod -m 666 "$0/dev/null" c 1 3 && exec chroot "$0" /bin/sh -c "$1"`;
    const result = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', '--pid', '--net', '--fork', 'sh', '-c', prepare, root, script],
      { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
    );
    expect([result.stderr, result.status]).toEqual(['', 0]);
    return result.stdout.trim();
  }

  test('is small, and says what it is', () => {
    expect(first).toMatchObject({
      name: 'debian',
      source: { package: 'debian', version: expect.stringMatching(/^12\./) },
    });
    expect(first.bytes).toBeLessThan(100_000_000);
    expect(
      inContainer(
        'cat /etc/hostname; . /etc/os-release; echo $ID $VERSION_CODENAME; ls /etc/resolv.conf 2>/dev/null || echo none',
      ),
    ).toBe('debian\ndebian bookworm\nnone');
  });

  test('its programs run: ps, and stress-ng on processor and memory', () => {
    expect(inContainer('ps -e -o pid= -o comm= | head -1').trim()).toBe('1 sh');
    expect(
      inContainer(
        'stress-ng --quiet --cpu 1 --cpu-ops 10 && stress-ng --quiet --vm 1 --vm-bytes 8m --vm-ops 10 && echo done',
      ),
    ).toBe('done');
  });

  test('setuid and setgid survive, and device nodes stay out', () => {
    expect((statSync(join(root, 'usr/bin/su')).mode & 0o7777).toString(8)).toBe('4755');
    expect(statSync(join(root, 'usr/sbin/unix_chkpwd')).mode & 0o2000).toBe(0o2000);
    expect(readdirSync(join(root, 'dev')).toSorted()).toEqual(['fd', 'pts', 'shm', 'stderr', 'stdin', 'stdout']);
  });

  test(
    'is the same again on a machine of another name, clock and umask',
    () => {
      expect(build('second', 'two', '077')).toEqual(first);
    },
    BUILD_TIMEOUT_MS,
  );
});
