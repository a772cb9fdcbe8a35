// A real registry on loopback, and what stands between it and a client in tests: a proxy that counts, cuts and changes,
// and a server of tokens.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSign, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Debian's docker-registry on a port of its own. @param auth the section of that name in its configuration */
export async function startRegistry(
  folder: string,
  storage: string,
  auth: object | null = null,
): Promise<AsyncDisposable & { host: string }> {
  const port = await freePort();
  const file = path.join(folder, `registry-${port}.yml`);
  // YAML takes JSON.
  fs.writeFileSync(
    file,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: `127.0.0.1:${port}` },
      ...(auth !== null && { auth }),
    }),
  );
  const registry = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  await answering(registry, `http://${host}/v2/`);
  return {
    host,
    async [Symbol.asyncDispose]() {
      const end = once(registry, 'exit');
      registry.kill('SIGKILL');
      await end;
    },
  };
}

async function answering(server: ChildProcess, url: string): Promise<void> {
  for (;;) {
    if (server.exitCode !== null)
      throw new Error('docker-registry ended: is it installed? sh tests/install-packages.sh');
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await delay(20);
  }
}

/** What a proxy does to the answer to one request; undefined lets it through. */
export type Meddling = (
  request: { url: string; range: string | undefined },
  body: Buffer,
) => 'cut' | Buffer | undefined;

/** Stands before a registry: notes what is asked for, and does to the answers what a test wants. */
export async function startProxy(
  host: string,
): Promise<AsyncDisposable & { host: string; asked: { url: string; range: string | undefined }[]; meddle: Meddling }> {
  const asked: { url: string; range: string | undefined }[] = [];
  const proxy = { meddle: (() => undefined) as Meddling };
  const server = http.createServer((request, response) => {
    void (async () => {
      const { accept, range } = request.headers;
      const one = { url: request.url!, range };
      asked.push(one);
      const answer = await fetch(`http://${host}${request.url}`, {
        headers: { ...(accept !== undefined && { accept }), ...(range !== undefined && { range }) },
      });
      const whole = Buffer.from(await answer.arrayBuffer());
      const done = proxy.meddle(one, whole);
      const body = Buffer.isBuffer(done) ? done : whole;
      response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'content-length': body.length });
      if (done === 'cut') response.write(body.subarray(0, body.length / 2), () => response.destroy());
      else response.end(body);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    get meddle() {
      return proxy.meddle;
    },
    set meddle(meddle) {
      proxy.meddle = meddle;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Gives tokens to whoever logs in with `login` (name:password). */
export async function startTokenServer(
  key: string,
  certificate: string,
  login: string,
): Promise<AsyncDisposable & { realm: string; scopes: string[] }> {
  const scopes: string[] = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url!, 'http://127.0.0.1');
    const scope = url.searchParams.get('scope') ?? '';
    scopes.push(scope);
    if (request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      response.writeHead(401).end();
      return;
    }
    const [type, name, actions] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const x5c = [fs.readFileSync(certificate, 'utf8').replaceAll(/-----[A-Z ]+-----|\s/g, '')];
    const claims = {
      iss: 'tokens',
      sub: 'somebody',
      aud: url.searchParams.get('service'),
      exp: now + 60,
      nbf: now - 60,
      iat: now,
      jti: randomUUID(),
      access: [{ type, name, actions: actions?.split(',') }],
    };
    const signed = `${encoded({ typ: 'JWT', alg: 'RS256', x5c })}.${encoded(claims)}`;
    const signature = createSign('RSA-SHA256').update(signed).sign(fs.readFileSync(key)).toString('base64url');
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ token: `${signed}.${signature}` }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    scopes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
