// The command line of every box.ts: `box.ts run [options] <command…>`, and more words where containers can go on by
// themselves. Given to students, so that a level is only about containers.
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

/** A directory or file of the host that is to be seen in the container, too. */
export type Volume = {
  /** Where it is on the host. */
  source: string;
  /** Where it is to be in the container. */
  target: string;
  readOnly: boolean;
};

/** What the user asked for, where containers can go on by themselves: bonus-lifecycle. */
export type LifecycleOptions = BoxOptions & {
  /** Whether the container goes on by itself, and box.ts comes back at once. */
  detach: boolean;
  /** Whether the command gets a terminal of its own. */
  terminal: boolean;
  volumes: Volume[];
};

/** Where containers are. */
export type ContainersOptions = {
  /** The folder in which each container has a folder of its own. */
  containerDir: string;
};

/** One container: by its id, the name of its folder. There need not be one of that name. */
export type ContainerOptions = ContainersOptions & { id: string };

export type ExecOptions = ContainerOptions & {
  /** Whether the command gets a terminal of its own. */
  terminal: boolean;
  command: string[];
};

export type StopOptions = ContainerOptions & {
  /** Seconds that it has to end by itself. */
  grace: number;
};

/** What a box.ts does that has more words than `run`. Where nothing is returned, the exit status is 0. */
export type Verbs = {
  run(options: LifecycleOptions): number;
  ps(options: ContainersOptions): number | void;
  logs(options: ContainerOptions): number | void;
  exec(options: ExecOptions): number;
  stop(options: StopOptions): number | void;
  rm(options: ContainerOptions): number | void;
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

/** Where containers can go on by themselves. */
const lifecycleOptions = {
  ...options,
  detach: { type: 'boolean', short: 'd' },
  terminal: { type: 'boolean', short: 't' },
  volume: { type: 'string', short: 'v', multiple: true },
} as const;

/** Of the other words than `run`: what each understands. */
export const verbOptions = {
  ps: {},
  logs: {},
  exec: { terminal: { type: 'boolean', short: 't' } },
  stop: { grace: { type: 'string' } },
  rm: {},
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

const lifecycleUsage = `${usage}
  Of run:
    -d, --detach           the container goes on by itself: box.ts prints its id
    -t, --terminal         the command gets a terminal of its own
    -v, --volume HOST:DIR  DIR in the container is HOST of the host; with :ro behind
                           it can only be read

  Besides run:
    box.ts ps                          what containers there are
    box.ts logs ID                     what one of run -d has printed
    box.ts exec [-t] ID <command…>     one more command in it
    box.ts stop [--grace SECONDS] ID   asks it to end, and makes it after SECONDS (10)
    box.ts rm ID                       removes all of one that has ended
    Each of them takes --container-dir, too.
`;

/** Seconds that `stop` waits. */
const USUAL_GRACE = 10;

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
 *
 * @param verbs what does `run`; or, where box.ts has more words than that, what does each of them
 */
export function box(verbs: ((options: BoxOptions) => number) | Verbs, extras: BoxExtras = {}): void {
  const act = parse(process.argv.slice(2), verbs, extras);
  if (act === null) return;
  const first = process.pid;
  try {
    process.exitCode = act() ?? 0;
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

/** What is to be done; null where it is nothing, and the exit status is set. */
function parse(
  argv: string[],
  verbs: ((options: BoxOptions) => number) | Verbs,
  extras: BoxExtras,
): (() => number | void) | null {
  try {
    return typeof verbs === 'function' ? running(verbs, parseRun(argv, process.env, extras)) : verbOf(argv, verbs);
  } catch (error) {
    if (error instanceof Asked) {
      const mark = extras.commandMayBeMissing === true ? '[command] [arguments…]' : '<command> [arguments…]';
      const plain = usage.replace('<command> [arguments…]', mark);
      process.stdout.write(typeof verbs === 'function' ? plain : lifecycleUsage);
      return null;
    }
    process.stderr.write(`box.ts: ${(error as Error).message}\n`);
    process.exitCode = BAD_USAGE;
    return null;
  }
}

function running<Options extends BoxOptions>(run: (options: Options) => number, asked: Options): () => number {
  return () => {
    become(asked.env);
    return run(asked);
  };
}

function verbOf(argv: readonly string[], { run, ps, logs, exec, stop, rm }: Verbs): () => number | void {
  const asked = parseVerb(argv, process.env);
  switch (asked.verb) {
    case 'run':
      return running(run, asked.options);
    case 'ps':
      return () => ps(asked.options);
    case 'logs':
      return () => logs(asked.options);
    case 'exec':
      return () => exec(asked.options);
    case 'stop':
      return () => stop(asked.options);
    case 'rm':
      return () => rm(asked.options);
  }
}

class Asked extends Error {}

/**
 * What the words after `box.ts` ask for.
 *
 * @param surroundings this program's own environment
 * @throws Error whose message is one sentence, without the stop, on what is wrong with them
 */
export function parseRun(argv: readonly string[], surroundings: NodeJS.ProcessEnv, extras: BoxExtras = {}): BoxOptions {
  const { values, words } = split(argv, options, 'run');
  return runOptions(values, words, surroundings, extras);
}

/** What is asked for where box.ts has more words than `run`. */
export type Asking =
  | { verb: 'run'; options: LifecycleOptions }
  | { verb: 'ps'; options: ContainersOptions }
  | { verb: 'logs' | 'rm'; options: ContainerOptions }
  | { verb: 'exec'; options: ExecOptions }
  | { verb: 'stop'; options: StopOptions };

/**
 * What the words after `box.ts` ask for, where it has more of them than `run`.
 *
 * @param surroundings this program's own environment
 * @throws Error as parseRun
 */
export function parseVerb(argv: readonly string[], surroundings: NodeJS.ProcessEnv): Asking {
  const verb = (['ps', 'logs', 'exec', 'stop', 'rm'] as const).find((name) => name === argv[0]);
  if (verb === undefined) {
    const { values, words } = split(argv, lifecycleOptions, 'run', Object.keys(verbOptions));
    const { detach = false, terminal = false, volume = [] } = values;
    if (detach && terminal) throw new Error('-d and -t do not go together: nobody would be at the terminal');
    return {
      verb: 'run',
      options: { ...runOptions(values, words, surroundings), detach, terminal, volumes: volume.map(volumeOf) },
    };
  }
  const known = {
    'container-dir': options['container-dir'],
    help: options.help,
    ...(verbOptions[verb] as typeof verbOptions.exec & typeof verbOptions.stop),
  };
  const { values, words } = split(argv, known, verb);
  const place = { containerDir: containerDir(values['container-dir']) };
  if (verb === 'ps') {
    if (words.length > 0) throw new Error(`ps takes no words, and "${words[0]}" is one`);
    return { verb, options: place };
  }
  const [id, ...command] = words;
  if (id === undefined) throw new Error(`which container? box.ts ${verb} ID; "box.ts ps" lists them`);
  // It becomes a path: no slash may be in it, and it may not be `..`.
  if (!/^[A-Za-z0-9][\w.-]*$/.test(id)) throw new Error(`"${id}" is no id of a container: "box.ts ps" lists them`);
  const container = { ...place, id };
  if (verb === 'exec') {
    if (command.length === 0) throw new Error('a command is missing: box.ts exec [-t] ID <command>');
    return { verb, options: { ...container, terminal: values.terminal ?? false, command } };
  }
  if (command.length > 0) throw new Error(`${verb} takes one container, and "${command[0]}" is one word more`);
  if (verb === 'stop') return { verb, options: { ...container, grace: graceOf(values.grace) } };
  return { verb, options: container };
}

/** The words of a command line: the values of our options, and what follows after them and the verb. */
function split<const Options extends NonNullable<Parameters<typeof parseArgs>[0]>['options'] & {}>(
  argv: readonly string[],
  known: Options,
  expected: string,
  others: readonly string[] = [],
): { values: ReturnType<typeof parseArgs<{ options: Options }>>['values']; words: string[] } {
  // The first word that is no option and no option's value ends our part of the line.
  const { tokens } = parseArgs({
    args: [...argv],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const plain = tokens.filter(({ kind }) => kind === 'positional' || kind === 'option-terminator');
  const [verb, first] = plain;
  if (
    tokens.some((token) => token.kind === 'option' && token.name === 'help' && token.index < (first?.index ?? Infinity))
  ) {
    throw new Asked();
  }
  if (verb?.kind !== 'positional' || verb.value !== expected) {
    const said = verb?.kind === 'positional' ? `there is no "${verb.value}" here` : 'nothing to do';
    const names = [expected, ...others].map((name) => `"${name}"`);
    const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
    throw new Error(`${said}: the first word is ${list}`);
  }
  const end = first?.index ?? argv.length;
  const { values } = parseStrictly(argv.slice(0, end).toSpliced(verb.index, 1), known);
  return { values, words: argv.slice(first?.kind === 'option-terminator' ? end + 1 : end) };
}

function runOptions(
  values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'],
  command: string[],
  surroundings: NodeJS.ProcessEnv,
  { commandMayBeMissing = false }: BoxExtras = {},
): BoxOptions {
  if (command.length === 0 && !commandMayBeMissing)
    throw new Error('a command is missing: box.ts run [options] <command>');
  const image = values.image ?? 'busybox';
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(image)) {
    throw new Error(`"${image}" is no name for an image: small letters, digits, dots, dashes`);
  }
  return {
    image,
    imageDir: path.resolve(values['image-dir'] ?? path.join(dataDirectory(), 'images')),
    containerDir: containerDir(values['container-dir']),
    env: environment(values.env, surroundings),
    typedEnv: whereSet(Object.fromEntries(typedVariables(values.env ?? [], surroundings))),
    cpuShares: values['cpu-shares'] === undefined ? null : cpuShares(values['cpu-shares']),
    memory: values.memory ?? null,
    memorySwap: values['memory-swap'] ?? null,
    user: values.user ?? null,
    command,
  };
}

function containerDir(typed: string | undefined): string {
  return path.resolve(typed ?? path.join(dataDirectory(), 'containers'));
}

function volumeOf(typed: string): Volume {
  const [, source = '', target = '', readOnly] = /^([^:]+):(\/[^:]*)(:ro)?$/.exec(typed) ?? [];
  if (source === '') throw new Error(`--volume takes HOST:DIR or HOST:DIR:ro, DIR from /, not "${typed}"`);
  return { source: path.resolve(source), target, readOnly: readOnly !== undefined };
}

function graceOf(typed = String(USUAL_GRACE)): number {
  if (!/^\d{1,6}$/.test(typed)) throw new Error(`--grace takes a whole number of seconds, not "${typed}"`);
  return Number(typed);
}

function parseStrictly<const Options extends NonNullable<Parameters<typeof parseArgs>[0]>['options'] & {}>(
  words: readonly string[],
  known: Options,
): ReturnType<typeof parseArgs<{ options: Options }>> {
  // `--memory-swap -1`: a negative number is a value, which parseArgs would take for another option.
  const args = words.reduce<string[]>((before, word) => {
    const previous = before.at(-1);
    const isValue = /^-\d/.test(word) && previous !== undefined && /^--[a-z-]+$/.test(previous);
    return isValue ? [...before.slice(0, -1), `${previous}=${word}`] : [...before, word];
  }, []);
  try {
    return parseArgs({ args, options: known, strict: true });
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
