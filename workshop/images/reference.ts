// What people call an image of a registry: `localhost:5000/tools/app:1.2`, `debian`, `ghcr.io/owner/app@sha256:…`.

/** A parsed name. */
export interface Reference {
  /** As HTTP reaches it, with the port: `registry-1.docker.io`, `127.0.0.1:5000`. */
  host: string;
  /** The name within the registry: `library/debian`. */
  repository: string;
  /** What is asked for: a tag, or a digest. */
  wanted: string;
}

/** Where names without a host are, and how the registry there is reached. */
const DOCKER_HUB = { names: ['docker.io', 'index.docker.io'], host: 'registry-1.docker.io' };

/** See the OCI distribution specification, "Pulling manifests". */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
export const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads a name as docker does. Throws one sentence where it is none. */
export function parseReference(text: string): Reference {
  const [name = '', digest] = text.split('@', 2);
  const [first = '', ...others] = name.split('/');
  // A first part is a host if it could be no part of a repository's name.
  const hasHost = others.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = hasHost ? others.join('/') : name;
  const [repository = '', tag] = path.split(':', 2);
  const wanted = digest ?? tag ?? 'latest';
  const onHub = !hasHost || DOCKER_HUB.names.includes(first);
  if (!REPOSITORY.test(repository) || !(digest === undefined ? TAG : DIGEST).test(wanted)) {
    throw new Error(`"${text}" is no name of an image in a registry: HOST[:PORT]/NAME[:TAG]`);
  }
  return {
    host: onHub ? DOCKER_HUB.host : first,
    repository: onHub && !repository.includes('/') ? `library/${repository}` : repository,
    wanted,
  };
}

/** What the image is called when nobody says how: the last part of the repository's name. */
export function shortName({ repository }: Reference): string {
  return repository.split('/').at(-1)!;
}
