// The command line of every box.ts: `box.ts run [options] <command…>`. Given to students, so that a level is only
// about containers.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { _exit } from '../linux/exit.ts';
import { dataDirectory } from './paths.ts';

/** What the user asked for. */
export type BoxOptions = {
  /** The image's name: `busybox`. */
  image: string;
  /** The folder that holds the images, each as NAME.tar. */
  imageDir: string;
  /** The folder in which each container gets a folder of its own. */
  containerDir: string;
  /** The command and its arguments, one entry each, as the user's shell split them. */
  command: string[];
};

const options = {
  image: { type: 'string', short: 'i' },
  'image-dir': { type: 'string' },
  'container-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const usage = `Usage: box.ts run [options] <command> [arguments…]

  -i, --image NAME      the image to start from (busybox)
  --image-dir DIR       where images are (${dataDirectory()}/images)
  --container-dir DIR   where containers are kept (${dataDirectory()}/containers)

Everything from the first word that is no option belongs to the command.
Exit status: the command's own; 128+n where signal n ended it; 125 where box.ts failed,
126 where the command cannot be executed, 127 where it is not found.
`;

/** The runtime itself failed. */
const FAILED = 125;
/** The command line is wrong. */
const BAD_USAGE = 2;

/**
 * Reads the command line, calls `run`, and ends with the status that it returns. What `run` throws is printed with
 * the place in box.ts that it came from, and the status is 125.
 */
export function box(run: (options: BoxOptions) => number): void {
  const parsed = parse(process.argv.slice(2));
  if (parsed === null) return;
  const first = process.pid;
  try {
    process.exitCode = run(parsed);
  } catch (error) {
    process.stderr.write(`box.ts: ${describe(error)}\n`);
    // A child comes by here too when it throws: it must end, and not go on as a second parent.
    if (process.pid !== first) _exit(FAILED);
    process.exitCode = FAILED;
  }
}

/** The options; null where there is nothing to run, and the exit status is set. */
function parse(argv: string[]): BoxOptions | null {
  try {
    return parseRun(argv);
  } catch (error) {
    if (error instanceof Asked) {
      process.stdout.write(usage);
      return null;
    }
    process.stderr.write(`box.ts: ${(error as Error).message}\nSee: box.ts --help\n`);
    process.exitCode = BAD_USAGE;
    return null;
  }
}

class Asked extends Error {}

function parseRun(argv: string[]): BoxOptions {
  // The first word that is no option and no option's value ends our part of the line.
  const { tokens } = parseArgs({ args: argv, options, strict: false, allowPositionals: true, tokens: true });
  const words = tokens.filter(({ kind }) => kind === 'positional' || kind === 'option-terminator');
  const [verb, first] = words;
  if (
    tokens.some((token) => token.kind === 'option' && token.name === 'help' && token.index < (first?.index ?? Infinity))
  ) {
    throw new Asked();
  }
  if (verb?.kind !== 'positional' || verb.value !== 'run') {
    const said = verb?.kind === 'positional' ? `there is no "${verb.value}" here` : 'nothing to do';
    throw new Error(`${said}: the first word is "run"`);
  }
  const end = first?.index ?? argv.length;
  const ours = argv.slice(0, end).toSpliced(verb.index, 1);
  const { values } = parseArgs({ args: ours, options, strict: true });
  const command = argv.slice(first?.kind === 'option-terminator' ? end + 1 : end);
  if (command.length === 0) throw new Error('a command is missing: box.ts run [options] <command>');
  const image = values.image ?? 'busybox';
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(image)) {
    throw new Error(`"${image}" is no name for an image: small letters, digits, dots, dashes`);
  }
  return {
    image,
    imageDir: path.resolve(values['image-dir'] ?? path.join(dataDirectory(), 'images')),
    containerDir: path.resolve(values['container-dir'] ?? path.join(dataDirectory(), 'containers')),
    command,
  };
}

/** The error and the places in box.ts that it came through, without Node's own. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = (error.stack ?? error.message)
    .split('\n')
    .filter((line) => !/\(?node:internal|workshop\/command-line\.ts/.test(line))
    .join('\n');
  return error.cause === undefined ? stack : `${stack}\nCaused by: ${describe(error.cause)}`;
}
