// Images made for a grader: as an OCI image layout, and as `docker save` writes them. See the OCI image specification.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type ArchiveEntry, writeArchive } from '../images/archive.ts';
import { dataDirectory } from '../paths.ts';

/** What an image says of the command that is to run in it. */
export type ImageConfig = {
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  User?: string;
};

/** A layer: its archive, and how it is stored. */
export type Layer = { archive: Buffer; stored: Buffer; mediaType: string };

/** A document or layer, by its digest. */
export type Blob = { digest: string; content: Buffer };

/** An image in a layout: its index, and all that this leads to; of one image first the manifest, then the config. */
export type Layout = { index: { schemaVersion: 2; manifests: object[] }; blobs: [Blob, ...Blob[]] };

/** Files of a testbed's host, as a scenario has them. */
export type Files = Record<string, { text: string | Uint8Array; mode: number }>;

const oci = 'application/vnd.oci.image';
/** What Go calls the architectures of Node. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
export const ownArchitecture = architectures[process.arch]!;
export const foreignArchitecture = Object.values(architectures).find((name) => name !== ownArchitecture)!;

/** The digest of these bytes, as images write it. */
export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A layer of these entries, compressed unless it is said otherwise. */
export function layerOf(entries: ArchiveEntry[] | Buffer, { compressed = true } = {}): Layer {
  const archive = Buffer.isBuffer(entries) ? entries : writeArchive(entries, new Date(0));
  const stored = compressed ? gzipSync(archive, { level: 1 }) : archive;
  return { archive, stored, mediaType: `${oci}.layer.v1.tar${compressed ? '+gzip' : ''}` };
}

function blobOf(content: Buffer | object): Blob {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { digest: digestOf(bytes), content: bytes };
}

function described(blob: Blob, mediaType: string): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: blob.digest, size: blob.content.length };
}

function configOf(layers: readonly Layer[], config: ImageConfig, architecture = ownArchitecture): Blob {
  const diffIds = layers.map(({ archive }) => digestOf(archive));
  return blobOf({ architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } });
}

/** The manifest of an image and all that it leads to; the manifest comes first, then the config. */
function manifestOf(layers: readonly Layer[], config: ImageConfig, architecture?: string): [Blob, Blob, ...Blob[]] {
  const configBlob = configOf(layers, config, architecture);
  const blobs = layers.map(({ stored }) => blobOf(stored));
  const manifest = blobOf({
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: described(configBlob, `${oci}.config.v1+json`),
    layers: blobs.map((blob, index) => described(blob, layers[index]!.mediaType)),
  });
  return [manifest, configBlob, ...blobs];
}

/** An image as a layout. */
export function layoutOf(layers: readonly Layer[], config: ImageConfig): Layout {
  const blobs = manifestOf(layers, config);
  const index: Layout['index'] = { schemaVersion: 2, manifests: [described(blobs[0], `${oci}.manifest.v1+json`)] };
  return { index, blobs };
}

/** A layout whose index leads to another index, in which there is first an image for another machine. */
export function layoutForTwo(layers: readonly Layer[], foreign: readonly Layer[], config: ImageConfig): Layout {
  const own = manifestOf(layers, config);
  const other = manifestOf(foreign, config, foreignArchitecture);
  const platform = (architecture: string): object => ({ platform: { os: 'linux', architecture } });
  const inner = blobOf({
    schemaVersion: 2,
    mediaType: `${oci}.index.v1+json`,
    manifests: [
      { ...described(other[0], `${oci}.manifest.v1+json`), ...platform(foreignArchitecture) },
      { ...described(own[0], `${oci}.manifest.v1+json`), ...platform(ownArchitecture) },
    ],
  });
  const index: Layout['index'] = { schemaVersion: 2, manifests: [described(inner, `${oci}.index.v1+json`)] };
  return { index, blobs: [inner, ...own, ...other] };
}

/** A layout in the folder of images, under a name. */
export function layoutFiles(name: string, { index, blobs }: Layout): Files {
  const folder = `${dataDirectory()}/images/${name}`;
  return {
    [`${folder}/oci-layout`]: { text: '{"imageLayoutVersion":"1.0.0"}', mode: 0o644 },
    [`${folder}/index.json`]: { text: JSON.stringify(index), mode: 0o644 },
    ...Object.fromEntries(
      blobs.map(({ digest, content }) => [
        `${folder}/blobs/${digest.replace(':', '/')}`,
        { text: content, mode: 0o644 },
      ]),
    ),
  };
}

/**
 * An image as `docker save` writes it, in the folder of images.
 *
 * @param exchanged archives that stand in the place of layers, by the layers' digests
 */
export function savedFiles(
  name: string,
  layers: readonly Layer[],
  config: ImageConfig,
  exchanged: ReadonlyMap<string, Buffer> = new Map(),
): Files {
  const configBlob = configOf(layers, config);
  const hex = (digest: string): string => digest.slice('sha256:'.length);
  const names = layers.map(({ archive }) => `${hex(digestOf(archive))}/layer.tar`);
  const file = (path: string, content: string | Buffer): ArchiveEntry => ({ kind: 'file', path, mode: 0o644, content });
  const manifest = [{ Config: `${hex(configBlob.digest)}.json`, RepoTags: [`${name}:latest`], Layers: names }];
  const whole = writeArchive(
    [
      file(`${hex(configBlob.digest)}.json`, configBlob.content),
      file('manifest.json', JSON.stringify(manifest)),
      ...layers.map(({ archive }, index) => file(names[index]!, exchanged.get(digestOf(archive)) ?? archive)),
    ],
    new Date(0),
  );
  return { [`${dataDirectory()}/images/${name}.tar`]: { text: whole, mode: 0o644 } };
}
