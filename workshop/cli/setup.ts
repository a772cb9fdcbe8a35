// npm run setup: builds the images that the workshop's containers start from.

import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { buildWithProgress } from '../images/ensure.ts';
import { IMAGE_NAMES, isImageReady, verifyImage } from '../images/image.ts';
import { dataDirectory } from '../paths.ts';
import type { ImageInfo, ImageName } from '../images/image.ts';

const USAGE = `Usage: npm run setup -- [options]

Builds the image busybox, which every level starts from, unless it is there
and intact.

  --all     also build the image debian (a few minutes)
  --force   build again what is there already
  --help    show this help

Images are kept in ${dataDirectory()}/images.
`;

const OK = 0;
const BAD_USAGE = 2;
const MACHINE_NOT_READY = 3;

const BYTES_PER_MB = 1_000_000;

interface SetupOptions {
  all: boolean;
  force: boolean;
  help: boolean;
}

/**
 * Runs the command with the words that follow its name. Returns the exit status: 0 when the images are there,
 * 2 for words it does not know, 3 where this machine lacks something; the reason then stands on stderr.
 */
export async function main(argv: string[]): Promise<number> {
  let options: SetupOptions;
  try {
    options = parse(argv);
  } catch (error) {
    return complain(`${(error as Error).message}; npm run setup -- --help shows what there is`, BAD_USAGE);
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return OK;
  }
  if (process.getuid?.() !== 0) return await runAsRoot(argv);
  try {
    for (const name of options.all ? IMAGE_NAMES : (['busybox'] as const)) await setUp(name, options.force);
  } catch (error) {
    return complain((error as Error).message, MACHINE_NOT_READY);
  }
  return OK;
}

function parse(argv: string[]): SetupOptions {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { all: { type: 'boolean' }, force: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    return { all: values.all ?? false, force: values.force ?? false, help: values.help ?? false };
  } catch (error) {
    // Node's own text goes on to explain the option syntax.
    const [sentence] = (error as Error).message.split(/\. |, but/);
    throw new Error(
      sentence?.replace(/^./, (letter) => letter.toLowerCase()),
      { cause: error },
    );
  }
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

async function runAsRoot(argv: string[]): Promise<number> {
  process.stderr.write('setup: needs root: running again with sudo\n');
  // Where nobody can type a password, sudo shall fail instead of waiting.
  const asking = process.stdin.isTTY ? [] : ['--non-interactive'];
  // sudo drops the environment, and may not know the pinned Node.
  const home = process.env['BOXWRIGHT_HOME'] ? [`BOXWRIGHT_HOME=${process.env['BOXWRIGHT_HOME']}`] : [];
  const command = ['env', ...home, process.execPath, import.meta.filename, ...argv];
  const result = await execa('sudo', [...asking, '--', ...command], { stdio: 'inherit', reject: false });
  if (result.code === 'ENOENT') {
    return complain('needs root, and there is no sudo on this machine: run it as root', MACHINE_NOT_READY);
  }
  // 1 is sudo's own: we never answer it.
  return result.exitCode === undefined || result.exitCode === 1 ? MACHINE_NOT_READY : result.exitCode;
}

function complain(sentence: string, status: number): number {
  process.stderr.write(`setup: ${sentence}\n`);
  return status;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
