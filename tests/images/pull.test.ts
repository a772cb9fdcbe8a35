// Images of a real registry: Debian's docker-registry on loopback, filled by skopeo with what umoci made of a Debian
// package.
import { execa } from 'execa';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { downloadPackage } from '../../workshop/images/apt.ts';
import { pullImage } from '../../workshop/images/pull.ts';
import { parseReference } from '../../workshop/images/reference.ts';
import { dataDirectory } from '../../workshop/paths.ts';
import { startProxy, startRegistry, startTokenServer } from './registry.ts';
import { openWorkspace } from './workspace.ts';

/** Milliseconds: the package comes from Debian. */
const SETUP_TIMEOUT = 600_000;
const box = path.join(import.meta.dirname, '../../workshop/cli/box.ts');
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const own = architectures[process.arch]!;
const foreign = own === 'amd64' ? 'arm64' : 'amd64';

describe.runIf(process.getuid?.() === 0)('an image of a registry', () => {
  const cleanUp = new AsyncDisposableStack();
  const builtImages = path.join(dataDirectory(), 'images');
  let storage: string;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let workspace: ReturnType<typeof openWorkspace>;
  let home: string;

  beforeAll(async () => {
    workspace = cleanUp.use(openWorkspace());
    storage = path.join(workspace.path, 'storage');
    registry = cleanUp.use(await startRegistry(workspace.path, storage));
    proxy = cleanUp.use(await startProxy(registry.host));
    const layout = await buildImage(workspace.path);
    await push(layout, 'app', 'tools/app:1.0');
    await push(layout, 'next', 'tools/next:1.0');
    await push(layout, 'foreign', 'tools/app:foreign');
    await pushIndex('tools/app', 'all', { [foreign]: 'foreign', [own]: '1.0' });
  }, SETUP_TIMEOUT);
  afterAll(() => cleanUp.disposeAsync());

  beforeEach(() => {
    home = fs.mkdtempSync(path.join(workspace.path, 'home-'));
    vi.stubEnv('BOXWRIGHT_HOME', home);
    proxy.asked.length = 0;
    proxy.meddle = () => undefined;
    return () => vi.unstubAllEnvs();
  });

  /** Two layers: a system; and above it something deleted, a directory made anew, and two names of one file. */
  async function buildImage(folder: string): Promise<string> {
    const { file } = await downloadPackage('busybox-static', folder);
    const layout = path.join(folder, 'layout');
    const bundle = path.join(folder, 'bundle');
    const root = path.join(bundle, 'rootfs');
    const umoci = (...words: string[]) => execa('umoci', words);
    const image = (tag: string): string[] => ['--image', `${layout}:${tag}`];
    await umoci('init', '--layout', layout);
    await umoci('new', ...image('app'));
    await umoci('unpack', ...image('app'), bundle);
    await execa('dpkg-deb', ['--extract', file, root]);
    for (const name of ['dev', 'proc', 'sys', 'etc', 'data', 'gone'])
      fs.mkdirSync(path.join(root, name), { recursive: true });
    const program = ['bin/busybox', 'usr/bin/busybox'].find((name) => fs.existsSync(path.join(root, name)))!;
    fs.mkdirSync(path.join(root, 'bin'), { recursive: true });
    for (const name of ['sh', 'ls', 'cat', 'id', 'stat', 'env'])
      fs.symlinkSync(`/${program}`, path.join(root, 'bin', name));
    fs.writeFileSync(path.join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nbuilder:x:1234:1235::/work:/bin/sh\n');
    fs.writeFileSync(path.join(root, 'data/old'), 'x\n');
    fs.writeFileSync(path.join(root, 'gone/file'), 'x\n');
    await umoci('repack', '--refresh-bundle', ...image('app'), bundle);
    fs.rmSync(path.join(root, 'gone'), { recursive: true });
    fs.rmSync(path.join(root, 'data/old'));
    fs.writeFileSync(path.join(root, 'data/one'), 'y\n');
    fs.linkSync(path.join(root, 'data/one'), path.join(root, 'data/two'));
    await umoci('repack', ...image('app'), bundle);
    const entrypoint = ['--config.entrypoint', '/bin/sh', '--config.entrypoint=-c'];
    const script = 'echo "$GREETING from $(id -u):$(id -g) in $PWD"; ls -d /gone; ls /data; stat -c %h /data/one';
    const config = ['--config.env', 'GREETING=hello=you', '--config.user', 'builder', '--config.workingdir', '/work'];
    await umoci('config', ...image('app'), ...entrypoint, '--config.cmd', script, ...config);
    // The same layers, another config.
    await umoci('config', ...image('app'), '--tag', 'next', '--config.cmd', 'echo next');
    await umoci('config', ...image('app'), '--tag', 'foreign', '--architecture', foreign);
    return layout;
  }

  async function push(layout: string, tag: string, name: string): Promise<void> {
    const target = `docker://${registry.host}/${name}`;
    await execa('skopeo', ['copy', '--insecure-policy', '--dest-tls-verify=false', `oci:${layout}:${tag}`, target]);
  }

  /** An index of what was pushed, by architecture. */
  async function pushIndex(repository: string, tag: string, tags: Record<string, string>): Promise<void> {
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const at = (wanted: string): string => `http://${registry.host}/v2/${repository}/manifests/${wanted}`;
    const manifests = await Promise.all(
      Object.entries(tags).map(async ([architecture, wanted]) => {
        const answer = await fetch(at(wanted), { headers: { accept: mediaType } });
        const { length } = Buffer.from(await answer.arrayBuffer());
        const digest = answer.headers.get('docker-content-digest');
        return { mediaType, digest, size: length, platform: { os: 'linux', architecture } };
      }),
    );
    const type = 'application/vnd.oci.image.index.v1+json';
    const body = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests });
    const { status } = await fetch(at(tag), { method: 'PUT', headers: { 'content-type': type }, body });
    expect(status).toBe(201);
  }

  const folderOf = (name: string): string => path.join(home, 'images', name);
  const blobsOf = (name: string): string[] => fs.readdirSync(path.join(folderOf(name), 'blobs/sha256'));
  const askedForBlobs = () => proxy.asked.filter(({ url }) => url.includes('/blobs/'));

  test('comes as a layout, which skopeo can read', async () => {
    const seen: number[] = [];
    const pulled = await pullImage(`${registry.host}/tools/app:1.0`, { onProgress: (done) => seen.push(done) });
    expect(pulled).toMatchObject({ name: 'app', layers: 2, fetched: pulled.bytes });
    expect(seen.at(-1)).toBe(pulled.bytes);
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(blobsOf('app')).toHaveLength(4);
    const { stdout } = await execa('skopeo', ['inspect', `oci:${folderOf('app')}:1.0`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: pulled.digest, Architecture: own });
  });

  test('is that for this machine, where an index has several', async () => {
    const one = await pullImage(`${registry.host}/tools/app:1.0`);
    const { digest } = await pullImage(`${registry.host}/tools/app:all`, { name: 'all' });
    expect(digest).toBe(one.digest);
  });

  test('is fetched once: what is there, also with another image, is not fetched again', async () => {
    await pullImage(`${proxy.host}/tools/app:1.0`);
    proxy.asked.length = 0;
    expect(await pullImage(`${proxy.host}/tools/app:1.0`)).toMatchObject({ fetched: 0 });
    expect(askedForBlobs()).toEqual([]);
    const { fetched } = await pullImage(`${proxy.host}/tools/next:1.0`);
    // The config alone.
    expect(askedForBlobs()).toHaveLength(1);
    expect(fetched).toBeLessThan(5000);
    // Under a name that another image had: what that one had besides is gone.
    await pullImage(`${proxy.host}/tools/next:1.0`, { name: 'app' });
    expect(blobsOf('app')).toEqual(blobsOf('next'));
  });

  test('goes on where the connection was cut off', async () => {
    let cuts = 2;
    proxy.meddle = ({ url }, body) => {
      if (!url.includes('/blobs/') || body.length < 100_000 || cuts === 0) return undefined;
      cuts -= 1;
      return 'cut';
    };
    const pulled = await pullImage(`${proxy.host}/tools/app:1.0`, { patience: 1 });
    expect(pulled.fetched).toBe(pulled.bytes);
    const ranges = askedForBlobs().flatMap(({ range }) => (range === undefined ? [] : [range]));
    expect(ranges).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/), expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  test('is given up where nothing comes any more, and gone on with the next time', async () => {
    let cut = true;
    proxy.meddle = ({ url, range }, body) => {
      if (!cut || !url.includes('/blobs/') || (body.length < 100_000 && range === undefined)) return undefined;
      return range === undefined ? 'cut' : Buffer.alloc(0);
    };
    await expect(pullImage(`${proxy.host}/tools/app:1.0`, { patience: 1 })).rejects.toThrow(/cannot be fetched/);
    expect(fs.existsSync(path.join(folderOf('app'), 'index.json'))).toBe(false);
    cut = false;
    const pulled = await pullImage(`${proxy.host}/tools/app:1.0`);
    expect(pulled.fetched).toBeLessThan(pulled.bytes);
    expect(pulled.fetched).toBeGreaterThan(0);
  });

  test('is refused where a blob or a manifest is not what its digest says, and leaves nothing under that name', async () => {
    const spoilt = (body: Buffer): Buffer => {
      const copy = Buffer.from(body);
      copy[copy.length - 1]! ^= 1;
      return copy;
    };
    proxy.meddle = ({ url }, body) => (url.includes('/blobs/') ? spoilt(body) : undefined);
    await expect(pullImage(`${proxy.host}/tools/app:1.0`)).rejects.toThrow(/is not sha256:/);
    expect(blobsOf('app')).toEqual([]);
    proxy.meddle = ({ url }, body) => (url.includes('/manifests/sha256') ? spoilt(body) : undefined);
    await expect(pullImage(`${proxy.host}/tools/app:all`)).rejects.toThrow(/another manifest/);
  });

  test('needs a token where the registry says so, which whoever has logged in is given', async () => {
    const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => path.join(home, name)) as [string, string];
    const subject = ['-days', '2', '-subj', '/CN=tokens', '-keyout', key, '-out', certificate];
    await execa('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject]);
    await using tokens = await startTokenServer(key, certificate, 'somebody:secret');
    const auth = { token: { realm: tokens.realm, service: 'tests', issuer: 'tokens', rootcertbundle: certificate } };
    await using guarded = await startRegistry(home, storage, auth);

    vi.stubEnv('DOCKER_CONFIG', home);
    await expect(pullImage(`${guarded.host}/tools/app:1.0`)).rejects.toThrow(/gives no token/);
    const login = Buffer.from('somebody:secret').toString('base64');
    fs.writeFileSync(path.join(home, 'config.json'), JSON.stringify({ auths: { [guarded.host]: { auth: login } } }));
    expect(await pullImage(`${guarded.host}/tools/app:1.0`)).toMatchObject({ layers: 2 });
    expect(new Set(tokens.scopes)).toEqual(new Set(['repository:tools/app:pull']));
  });

  test.each([
    ['tools/nothing:1.0', /has no tools\/nothing:1\.0/],
    ['tools/app:2.0', /has no tools\/app:2\.0/],
  ])('%s is not there, and that is said', async (name, sentence) => {
    await expect(pullImage(`${registry.host}/${name}`)).rejects.toThrow(sentence);
  });

  test('may not take the place of an image of the workshop', async () => {
    await expect(pullImage(`${registry.host}/tools/app:1.0`, { name: 'busybox' })).rejects.toThrow(/--as/);
  });

  test('is run by the runtime of bonus-images', async () => {
    fs.mkdirSync(path.join(home, 'images'));
    for (const name of ['busybox.tar', 'busybox.json'])
      fs.copyFileSync(path.join(builtImages, name), path.join(home, 'images', name));
    const run = (...words: string[]) =>
      execa(process.execPath, [box, 'bonus-images', ...words], { env: { BOXWRIGHT_HOME: home }, stdin: 'ignore' });
    const pulled = await run('pull', '--as', 'mine', `${registry.host}/tools/app:1.0`);
    expect(pulled.stdout).toMatch(
      /^image mine: 2 layers, \d\.\d MB, of which \d\.\d MB were fetched\n {2}sha256:[0-9a-f]{64}$/,
    );
    expect(pulled.stderr).toMatch(/^image mine: 0\.0 of .*MB\n(.*\n)*image mine: (.*) of \2 MB$/);
    const { stdout } = await run('--solution', 'run', '-i', 'mine');
    expect(stdout.split('\n')).toEqual(['hello=you from 1234:1235 in /work', 'one', 'two', '2']);
  });
});

describe('the name of an image', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  test.each([
    ['debian', 'registry-1.docker.io', 'library/debian', 'latest'],
    ['docker.io/owner/app:1', 'registry-1.docker.io', 'owner/app', '1'],
    ['localhost/app', 'localhost', 'app', 'latest'],
    ['localhost:5000/tools/app:1.0', 'localhost:5000', 'tools/app', '1.0'],
    [`ghcr.io/owner/app:1@${digest}`, 'ghcr.io', 'owner/app', digest],
  ])('%s', (text, host, repository, wanted) => {
    expect(parseReference(text)).toEqual({ host, repository, wanted });
  });

  test.each(['', 'App', 'a/../b', 'app:', 'app@sha256:1', 'host:5000/', 'http://host/app'])('%j is none', (text) => {
    expect(() => parseReference(text)).toThrow(/is no name of an image/);
  });
});
