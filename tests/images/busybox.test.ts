import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { list } from 'tar';
import type { ReadEntry } from 'tar';
import type { ImageInfo } from '../../workshop/images/image.ts';
import { unpack } from '../../workshop/images/unpack.ts';
import { openWorkspace } from './workspace.ts';

// The package comes from Debian: how long that takes is not ours to say.
const DOWNLOAD_TIMEOUT_MS = 600_000;

const SETUP = join(import.meta.dirname, '../../workshop/cli/setup.ts');

const isRoot = process.getuid?.() === 0;

/** Runs `npm run setup` in a home of its own. */
function setup(home: string, args: string[] = [], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [SETUP, ...args], {
    env: { ...process.env, BOXWRIGHT_HOME: home, ...env },
    encoding: 'utf8',
  });
}

function infoIn(home: string): ImageInfo {
  return JSON.parse(readFileSync(join(home, 'images/busybox.json'), 'utf8')) as ImageInfo;
}

describe.runIf(isRoot)('the image busybox', () => {
  let workspace: ReturnType<typeof openWorkspace>;
  let home: string;
  let archive: string;
  let root: string;
  let devicesUnpacked: string[];
  const entries = new Map<string, ReadEntry>();

  beforeAll(() => {
    workspace = openWorkspace();
    home = join(workspace.path, 'home');
    archive = join(home, 'images/busybox.tar');
    root = join(workspace.path, 'root');
    const result = setup(home);
    expect(result.stderr).toContain("image busybox, step 1 of 4: downloading Debian's package busybox-static\n");
    expect(result.stdout).toMatch(
      /^image busybox: built \(\d\.\d MB, \w+, busybox-static \S+\)\n {2}sha256:[0-9a-f]{64}\n$/,
    );
    expect(result.status).toBe(0);
    list({ file: archive, sync: true, onReadEntry: (entry) => entries.set(entry.path, entry) });
    unpack(archive, root);
    // Before a shell in the image redirects to /dev/null, and so makes a file of it.
    devicesUnpacked = readdirSync(join(root, 'dev'));
  }, DOWNLOAD_TIMEOUT_MS);

  afterAll(() => workspace.remove());

  /** Runs a shell in the image, where its mounts and its root are nobody else's. */
  function inContainer(script: string): string {
    const prepare = `mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -c "$1"`;
    const result = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', '--pid', '--uts', '--fork', 'sh', '-c', prepare, root, script],
      {
        encoding: 'utf8',
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      },
    );
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
    return result.stdout.trim();
  }

  test('is one archive and its note, and nothing else', () => {
    expect(readdirSync(join(home, 'images')).toSorted()).toEqual(['busybox.json', 'busybox.tar']);
    expect(infoIn(home)).toEqual({
      name: 'busybox',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      bytes: statSync(archive).size,
      architecture: spawnSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).stdout.trim(),
      source: { package: 'busybox-static', version: expect.stringContaining('1.') },
    });
  });

  test('runs', () => {
    expect(
      inContainer('echo "$(whoami) $$ $(cat /etc/hostname)"; ls /proc/1/exe >/dev/null && readlink /proc/1/exe'),
    ).toBe('root 1 busybox\n/bin/busybox');
    expect(
      inContainer(
        '. /etc/os-release && echo "$ID_LIKE"; cd / && ls -d */ | tr -d "\\n"; /usr/bin/[ 1 -lt 2 ] && echo " yes"',
      ),
    ).toBe('debian\nbin/dev/etc/home/proc/root/run/sbin/sys/tmp/usr/var/ yes');
    expect(inContainer('su student -c "id -un; touch /tmp/mine && ls -n /tmp/mine | cut -c1-10; cd && pwd"')).toBe(
      'student\n-rw-r--r--\n/home/student',
    );
  });

  test('every name of busybox is there as an absolute link that leads to it', () => {
    const names = inContainer('busybox --list-full')
      .split('\n')
      .filter((name) => name !== 'linuxrc');
    expect(names.length).toBeGreaterThan(200);
    for (const name of names) {
      if (name === 'usr/bin/[' || name === 'bin/busybox') continue;
      expect(readlinkSync(join(root, name))).toBe('/bin/busybox');
    }
    expect(inContainer('for f in /bin/* /sbin/* /usr/bin/* /usr/sbin/*; do test -x "$f" || echo "$f"; done')).toBe('');
  });

  test('a hard link shares its inode with busybox', () => {
    expect(entries.get('usr/bin/[')).toMatchObject({ type: 'Link', linkpath: 'bin/busybox' });
    expect(lstatSync(join(root, 'usr/bin/[')).ino).toBe(lstatSync(join(root, 'bin/busybox')).ino);
  });

  test('holds device nodes, which unpacking leaves out', () => {
    const devices = [...entries.values()].filter((entry) => entry.type === 'CharacterDevice');
    expect(devices.map(({ path, header }) => `${path} ${header.devmaj}:${header.devmin}`)).toEqual([
      'dev/console 5:1',
      'dev/null 1:3',
      'dev/zero 1:5',
    ]);
    expect(devicesUnpacked).toEqual([]);
  });

  test('belongs to root, but for the home of student', () => {
    for (const entry of entries.values()) {
      expect(`${entry.path} ${entry.uid}:${entry.gid}`).toBe(
        entry.path === 'home/student/' ? 'home/student/ 1000:1000' : `${entry.path} 0:0`,
      );
    }
    const mode = (path: string) => (statSync(join(root, path)).mode & 0o7777).toString(8);
    expect(['.', 'root', 'tmp', 'var/tmp', 'etc', 'etc/passwd', 'bin/busybox'].map(mode)).toEqual([
      '755',
      '700',
      '1777',
      '1777',
      '755',
      '644',
      '755',
    ]);
  });

  test(
    'is the same again, under another clock, language and umask, and when built twice at a time',
    async () => {
      const other = join(workspace.path, 'other');
      const runs = [
        ['--force', 'TZ=Asia/Tokyo', 'LC_ALL=tr_TR.UTF-8'],
        ['--force', 'TZ=America/Caracas', 'LANG=de_DE.UTF-8'],
      ].map(async ([option, ...variables]) => {
        const command = [
          '-c',
          'umask 077; exec env "$@"',
          'sh',
          ...variables,
          process.execPath,
          SETUP,
          option as string,
        ];
        const child = spawn('sh', command, { env: { ...process.env, BOXWRIGHT_HOME: other }, stdio: 'ignore' });
        const [status] = (await once(child, 'exit')) as [number | null];
        return status;
      });
      expect(await Promise.all(runs)).toEqual([0, 0]);
      expect(infoIn(other)).toEqual(infoIn(home));
      expect(readFileSync(join(other, 'images/busybox.tar')).equals(readFileSync(archive))).toBe(true);
      expect(readdirSync(join(other, 'images')).toSorted()).toEqual(['busybox.json', 'busybox.tar']);
      expect((statSync(join(other, 'images/busybox.tar')).mode & 0o777).toString(8)).toBe('644');
    },
    DOWNLOAD_TIMEOUT_MS,
  );

  test(
    'setup leaves an intact image alone, and builds a changed one again',
    () => {
      const copy = join(workspace.path, 'copy');
      mkdirSync(join(copy, 'images'), { recursive: true });
      const damaged = Buffer.from(readFileSync(archive));
      damaged.writeUInt8(damaged.readUInt8(100_000) ^ 1, 100_000);
      writeFileSync(join(copy, 'images/busybox.tar'), damaged);
      writeFileSync(join(copy, 'images/busybox.json'), readFileSync(join(home, 'images/busybox.json')));
      const again = setup(copy);
      expect(again.stderr).toContain('setup: the image busybox has changed since it was built');
      expect(again.stdout).toContain('image busybox: built');
      expect(readFileSync(join(copy, 'images/busybox.tar')).equals(readFileSync(archive))).toBe(true);
      const idle = setup(copy);
      expect(idle.stderr).toBe('');
      expect(idle.stdout).toContain('image busybox: was there already');
    },
    DOWNLOAD_TIMEOUT_MS,
  );

  test('a failed build says which command failed and leaves the image that was there', () => {
    const bin = join(workspace.path, 'no-network');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'apt-get'),
      '#!/bin/sh\necho "W: beside the point" >&2\necho "E: Temporary failure resolving the mirror" >&2\nexit 100\n',
    );
    chmodSync(join(bin, 'apt-get'), 0o755);
    const env = { PATH: `${bin}:${process.env['PATH']}` };

    const result = setup(home, ['--force'], env);
    expect(result.status).toBe(3);
    expect(result.stderr.split('\n').at(-2)).toMatch(
      /^Not ready: apt-get download busybox-static failed \(Temporary failure resolving the mirror; .*\): check this machine's network /,
    );
    expect(result.stdout).toBe('');
    expect(readdirSync(join(home, 'images')).toSorted()).toEqual(['busybox.json', 'busybox.tar']);
    expect(setup(home).stdout).toContain('was there already');

    const fresh = join(workspace.path, 'fresh');
    expect(setup(fresh, [], env).status).toBe(3);
    expect(readdirSync(join(fresh, 'images'))).toEqual([]);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(
      `a build that is ended by ${signal} leaves nothing behind`,
      async () => {
        const bin = join(workspace.path, `slow-${signal}`);
        const started = join(bin, 'started');
        mkdirSync(bin);
        // It answers once it has left something half done, then waits for its end.
        writeFileSync(
          join(bin, 'apt-get'),
          `#!/bin/sh\necho part > busybox-static_1.deb\necho > '${started}'\nexec sleep 600\n`,
        );
        chmodSync(join(bin, 'apt-get'), 0o755);
        const interrupted = join(workspace.path, `interrupted-${signal}`);
        const child = spawn(process.execPath, [SETUP], {
          env: { ...process.env, BOXWRIGHT_HOME: interrupted, PATH: `${bin}:${process.env['PATH']}` },
          stdio: 'ignore',
        });
        await expect.poll(() => existsSync(started), { timeout: DOWNLOAD_TIMEOUT_MS }).toBe(true);
        expect(readdirSync(join(interrupted, 'images'))).toHaveLength(1);
        child.kill(signal);
        const [, endedBy] = (await once(child, 'exit')) as [number | null, string | null];
        expect(endedBy).toBe(signal);
        expect(readdirSync(join(interrupted, 'images'))).toEqual([]);
      },
      DOWNLOAD_TIMEOUT_MS,
    );
  }
});
