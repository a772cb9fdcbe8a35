// npm run setup: builds the images that the workshop's containers start from.

import { buildWithProgress } from '../images/ensure.ts';
import { IMAGE_NAMES, isImageReady, verifyImage } from '../images/image.ts';
import { dataDirectory } from '../paths.ts';
import type { ImageInfo, ImageName } from '../images/image.ts';
import { becomeRoot, command, exitStatus, notReady, options } from './command.ts';

const help = `Usage: npm run setup -- [options]

Builds the image busybox, which every level starts from, unless it is there
and intact.

  --all     also build the image debian (a few minutes)
  --force   build again what is there already
  --help    show this help

Images are kept in ${dataDirectory()}/images.
`;

const BYTES_PER_MB = 1_000_000;

async function main(argv: string[]): Promise<number> {
  const { values } = options({ args: argv, options: { all: { type: 'boolean' }, force: { type: 'boolean' } } });
  becomeRoot();
  try {
    for (const name of values.all ? IMAGE_NAMES : (['busybox'] as const)) await setUp(name, values.force === true);
  } catch (error) {
    throw notReady(error);
  }
  return exitStatus.passed;
}

async function setUp(name: ImageName, force: boolean): Promise<void> {
  if (!force && isImageReady(name)) {
    const info = await intact(name);
    if (info) return report(info, 'was there already');
  }
  report(await buildWithProgress(name), 'built');
}

/** What is known of the image, or undefined, with a word about it, where its content is not what was built. */
async function intact(name: ImageName): Promise<ImageInfo | undefined> {
  try {
    return await verifyImage(name);
  } catch {
    process.stderr.write(`setup: the image ${name} has changed since it was built: building it again\n`);
    return undefined;
  }
}

function report(info: ImageInfo, what: string): void {
  const size = `${(info.bytes / BYTES_PER_MB).toFixed(1)} MB`;
  const { source } = info;
  process.stdout.write(
    `image ${info.name}: ${what} (${size}, ${info.architecture}, ${source.package} ${source.version})\n`,
  );
  process.stdout.write(`  ${info.digest}\n`);
}

await command(help, main);
