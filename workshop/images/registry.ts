// A registry, asked over HTTP: manifests, and blobs from any byte on. See the OCI distribution specification.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DIGEST } from './reference.ts';
import type { Reference } from './reference.ts';

/** Something that a digest names, as manifests and indexes list it. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  /** Bytes. */
  size: number;
  platform?: { os: string; architecture: string };
}

/** A manifest or an index. */
export interface RegistryDocument {
  descriptor: Descriptor;
  bytes: Buffer;
}

/** What we understand; the registry chooses. */
const ACCEPTED = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** A manifest is a few kilobytes; one that is larger than registries take is none. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** The digest of these bytes, as registries write it. */
export function digestOfBytes(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** One repository of a registry, and what it has let us in with. */
export class Registry {
  readonly #reference: Reference;
  readonly #base: string;
  #authorization: string | undefined;

  constructor(reference: Reference) {
    this.#reference = reference;
    this.#base = `${schemeOf(reference.host)}://${reference.host}/v2/${reference.repository}`;
  }

  /** The manifest or index of this tag or digest. Throws where it is not what its digest says. */
  async manifest(wanted: string): Promise<RegistryDocument> {
    const response = await this.#get(`manifests/${wanted}`, { accept: ACCEPTED });
    const bytes = await readAll(response, MAX_MANIFEST_BYTES);
    const digest = digestOfBytes(bytes);
    const promised = DIGEST.test(wanted) ? wanted : (response.headers.get('docker-content-digest') ?? digest);
    if (digest !== promised) {
      throw new Error(`the registry ${this.#reference.host} sent another manifest than ${promised}`);
    }
    const mediaType = response.headers.get('content-type')?.split(';')[0] ?? '';
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  }

  /** The bytes of a blob: from `from` on where the registry can do that, else from its beginning. */
  async blob(digest: string, from: number): Promise<{ start: number; body: AsyncIterable<Uint8Array> }> {
    const response = await this.#get(`blobs/${digest}`, from === 0 ? {} : { range: `bytes=${from}-` });
    const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
    return { start: response.status === 206 ? Number(start ?? from) : 0, body: response.body ?? emptyBody() };
  }

  async #get(path: string, headers: Record<string, string>): Promise<Response> {
    const url = `${this.#base}/${path}`;
    let response = await this.#send(url, headers);
    if (response.status === 401) {
      await response.body?.cancel();
      this.#authorization = await this.#authorize(response.headers.get('www-authenticate') ?? '');
      response = await this.#send(url, headers);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    const { host, repository, wanted } = this.#reference;
    if (response.status === 404) throw new Error(`the registry ${host} has no ${repository}:${wanted} (${path})`);
    if (response.status === 401 || response.status === 403) {
      throw new Error(
        `the registry ${host} does not let us read ${repository}: log in with docker login, or check the name`,
      );
    }
    throw new Error(`the registry ${host} answered ${response.status} to ${path}`);
  }

  async #send(url: string, headers: Record<string, string>): Promise<Response> {
    const authorization = this.#authorization;
    // A redirect to another host goes without the authorization: fetch sees to that.
    return await reach(url, { headers: { ...headers, ...(authorization !== undefined && { authorization }) } });
  }

  /** What a registry asks for in its challenge: a token from somebody it trusts, or name and password. */
  async #authorize(challenge: string): Promise<string> {
    const { host, repository } = this.#reference;
    const login = loginFor(host);
    if (/^basic\b/i.test(challenge)) {
      if (login === undefined) throw new Error(`the registry ${host} asks for a login: use docker login first`);
      return `Basic ${login}`;
    }
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    const realm = fields['realm'];
    if (realm === undefined || !URL.canParse(realm)) {
      throw new Error(`the registry ${host} asks for an authorization that is not understood here: ${challenge}`);
    }
    const url = new URL(realm);
    if (fields['service'] !== undefined) url.searchParams.set('service', fields['service']);
    url.searchParams.set('scope', fields['scope'] ?? `repository:${repository}:pull`);
    // A password goes over an open line to this machine only.
    const trusted = url.protocol === 'https:' || schemeOf(url.host) === 'http';
    const response = await reach(url.href, {
      headers: login !== undefined && trusted ? { authorization: `Basic ${login}` } : {},
    });
    if (!response.ok)
      throw new Error(`${url.host} gives no token for ${repository} on ${host}: it answered ${response.status}`);
    const { token, access_token: accessToken } = (await response.json()) as { token?: string; access_token?: string };
    const given = token ?? accessToken;
    if (given === undefined) throw new Error(`${url.host} gives no token for ${repository} on ${host}`);
    return `Bearer ${given}`;
  }
}

/** HTTPS, but for a registry on this machine, as docker has it. */
function schemeOf(host: string): 'http' | 'https' {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https';
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { cause } = error as Error;
    const why = cause instanceof Error && cause.message !== '' ? cause.message : (error as Error).message;
    throw new Unreachable(`${new URL(url).host} cannot be reached: ${why}`, { cause: error });
  }
}

/** Nobody answered: it may be worth another try. */
export class Unreachable extends Error {
  override name = 'Unreachable';
}

async function readAll(response: Response, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? emptyBody()) {
    size += chunk.length;
    if (size > limit) throw new Error(`a manifest of more than ${limit} bytes is none`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** What `docker login` keeps of a registry: name and password, encoded; undefined where there is nothing. */
function loginFor(host: string): string | undefined {
  const file = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const names = host === 'registry-1.docker.io' ? ['https://index.docker.io/v1/'] : [host, `https://${host}`];
  try {
    const { auths = {} } = JSON.parse(readFileSync(file, 'utf8')) as { auths?: Record<string, { auth?: string }> };
    return names.map((name) => auths[name]?.auth).find((auth) => auth !== undefined && auth !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
