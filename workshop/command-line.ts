// The command line of every box.ts: `box.ts run [options] <command…>`. Given to students, so that a level is only
// about containers.
import path from 'node:path';
import { _exit } from '../linux/exit.ts';
import { describe } from '../linux/stack.ts';
import { dataDirectory } from './paths.ts';

// Not imported: an import loads all of node:util, and of that parseArgs is a small part.
const { parseArgs } = process.getBuiltinModule('node:util');

/** What the user asked for. */
export type BoxOptions = {
  /** The image's name: `busybox`. */
  image: string;
  /** The folder that holds the images, each as NAME.tar. */
  imageDir: string;
  /** The folder in which each container gets a folder of its own. */
  containerDir: string;
  /**
   * The command's whole environment: this program's own, or with `--env` a small one with what was given. It is in
   * place already, so that execvp hands it over.
   */
  env: Record<string, string>;
  /** Of these, what was given with `--env`. */
  typedEnv: Record<string, string>;
  /** The container's share of the CPU beside others, as cgroup v1 counts it: 2 to 262144. */
  cpuShares: number | null;
  /** The most memory that the container may use, as it was typed: `64m`. */
  memory: string | null;
  /** The most of memory and swap together, as it was typed: `128m`, or `-1` for no limit. */
  memorySwap: string | null;
  /** Who the command runs as, as it was typed: `1000` or `1000:1000`. */
  user: string | null;
  /**
   * The command and its arguments, one entry each, as the user's shell split them. There is one, unless the program says
   * that it may be missing.
   */
  command: string[];
};

const options = {
  image: { type: 'string', short: 'i' },
  'image-dir': { type: 'string' },
  'container-dir': { type: 'string' },
  env: { type: 'string', short: 'e', multiple: true },
  'cpu-shares': { type: 'string' },
  memory: { type: 'string' },
  'memory-swap': { type: 'string' },
  user: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const usage = `Usage: box.ts run [options] <command> [arguments…]

  -i, --image NAME       the image to start from (busybox)
  --image-dir DIR        where images are (${dataDirectory()}/images)
  --container-dir DIR    where containers are kept (${dataDirectory()}/containers)
  -e, --env NAME=VALUE   a variable for the command; with NAME alone, as it is here.
                         Given at least once, the command gets no others but
                         PATH, HOME and TERM
  --cpu-shares N         its share of the CPU beside others, from 2 to 262144
  --memory SIZE          the most memory it may use: 64m
  --memory-swap SIZE     the most of memory and swap together; -1 for no limit
  --user UID[:GID]       who the command runs as

Everything from the first word that is no option belongs to the command.
Exit status: the command's own; 128+n where signal n ended it; 125 where box.ts failed,
126 where the command cannot be executed, 127 where it is not found.
`;

/** The runtime itself failed. */
const FAILED = 125;
/** The command line is wrong. */
const BAD_USAGE = 2;

/** What cgroup v1 takes for cpu.shares. See cgroups(7). */
const CPU_SHARES = { from: 2, to: 262_144 } as const;

/** What a program understands besides. */
export type BoxExtras = {
  /** Whether a command may be left out, because an image may name one. */
  commandMayBeMissing?: boolean;
};

/**
 * Reads the command line, calls `run`, and ends with the status that it returns. What `run` throws is printed with
 * the place in box.ts that it came from, and the status is 125.
 */
export function box(run: (options: BoxOptions) => number, extras: BoxExtras = {}): void {
  const parsed = parse(process.argv.slice(2), extras);
  if (parsed === null) return;
  const first = process.pid;
  become(parsed.env);
  try {
    process.exitCode = run(parsed);
  } catch (error) {
    process.stderr.write(`box.ts: ${describe(error, [import.meta.url])}\n`);
    // A child comes by here too when it throws: it must end, and not go on as a second parent.
    if (process.pid !== first) _exit(FAILED);
    process.exitCode = FAILED;
  }
}

/** Takes over an environment: what execvp then starts inherits it. */
function become(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** The options; null where there is nothing to run, and the exit status is set. */
function parse(argv: string[], extras: BoxExtras): BoxOptions | null {
  try {
    return parseRun(argv, process.env, extras);
  } catch (error) {
    if (error instanceof Asked) {
      const mark = extras.commandMayBeMissing === true ? '[command] [arguments…]' : '<command> [arguments…]';
      process.stdout.write(usage.replace('<command> [arguments…]', mark));
      return null;
    }
    process.stderr.write(`box.ts: ${(error as Error).message}\nSee: box.ts --help\n`);
    process.exitCode = BAD_USAGE;
    return null;
  }
}

class Asked extends Error {}

/**
 * What the words after `box.ts` ask for.
 *
 * @param surroundings this program's own environment
 * @throws Error whose message is one sentence, without the stop, on what is wrong with them
 */
export function parseRun(
  argv: readonly string[],
  surroundings: NodeJS.ProcessEnv,
  { commandMayBeMissing = false }: BoxExtras = {},
): BoxOptions {
  // The first word that is no option and no option's value ends our part of the line.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
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
  const { values } = parseStrictly(argv.slice(0, end).toSpliced(verb.index, 1));
  const command = argv.slice(first?.kind === 'option-terminator' ? end + 1 : end);
  if (command.length === 0 && !commandMayBeMissing)
    throw new Error('a command is missing: box.ts run [options] <command>');
  const image = values.image ?? 'busybox';
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(image)) {
    throw new Error(`"${image}" is no name for an image: small letters, digits, dots, dashes`);
  }
  return {
    image,
    imageDir: path.resolve(values['image-dir'] ?? path.join(dataDirectory(), 'images')),
    containerDir: path.resolve(values['container-dir'] ?? path.join(dataDirectory(), 'containers')),
    env: environment(values.env, surroundings),
    typedEnv: whereSet(Object.fromEntries(typedVariables(values.env ?? [], surroundings))),
    cpuShares: values['cpu-shares'] === undefined ? null : cpuShares(values['cpu-shares']),
    memory: values.memory ?? null,
    memorySwap: values['memory-swap'] ?? null,
    user: values.user ?? null,
    command,
  };
}

function parseStrictly(words: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof options }>> {
  // `--memory-swap -1`: a negative number is a value, which parseArgs would take for another option.
  const args = words.reduce<string[]>((before, word) => {
    const previous = before.at(-1);
    const isValue = /^-\d/.test(word) && previous !== undefined && /^--[a-z-]+$/.test(previous);
    return isValue ? [...before.slice(0, -1), `${previous}=${word}`] : [...before, word];
  }, []);
  try {
    return parseArgs({ args, options, strict: true });
  } catch (error) {
    // Node's own text goes on to explain the option syntax.
    throw new Error((error as Error).message.split(/\. |\n/)[0], { cause: error });
  }
}

function cpuShares(typed: string): number {
  const shares = Number(typed);
  if (!/^\d+$/.test(typed) || shares < CPU_SHARES.from || shares > CPU_SHARES.to) {
    throw new Error(`--cpu-shares takes a whole number from ${CPU_SHARES.from} to ${CPU_SHARES.to}, not "${typed}"`);
  }
  return shares;
}

/** The command's environment; `typed` as docker has it: NAME=VALUE, or NAME for what `surroundings` has. */
function environment(typed: readonly string[] | undefined, surroundings: NodeJS.ProcessEnv): Record<string, string> {
  if (typed === undefined) return whereSet(surroundings);
  return whereSet(
    Object.fromEntries([
      ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ['HOME', '/root'],
      ['TERM', surroundings['TERM']],
      ...typedVariables(typed, surroundings),
    ]),
  );
}

function typedVariables(typed: readonly string[], surroundings: NodeJS.ProcessEnv): [string, string | undefined][] {
  return typed.map((word) => {
    const [, name, value] = /^([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) throw new Error(`--env takes NAME=VALUE or NAME, not "${word}"`);
    return [name, value ?? surroundings[name]];
  });
}

function whereSet(variables: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
