// @ts-check
// Runs a command in the virtual machine, as if it ran here: its words, colours, Ctrl-C and exit status come through.
// Plain JavaScript, and nothing but Node's own modules: see where.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { examineHost, findingsAsked, hostFindings } from './findings.mjs';
import { checkout, findProgram, machineDirectories } from './where.mjs';

/** Where the machine has the checkout. */
const guestCheckout = '/vagrant';
/** As workshop/cli/command.ts has them. */
const USAGE = 2;
const NOT_READY = 3;
/** As workshop/cli/docs.ts has it. */
const DOCS_PORT = 8484;
/** How ssh ends when there is no connection; a command may end so, too. */
const SSH_FAILED = 255;
/** Of both sides each has its own. */
const keptApart = ['.git/', '.vagrant/', 'node_modules/'];
/** Given to the command in the machine, where they are set here. */
const passedOn = ['BOXWRIGHT_HOME', 'BOXWRIGHT_TIME_LIMIT', 'CI', 'FORCE_COLOR', 'NO_COLOR'];

/** The words cannot be understood in the machine. */
class UsageError extends Error {}

/** The machine cannot be used now; the message says what to do. */
class NoMachine extends Error {}

/**
 * @param {string} name the command
 * @param {string[]} words
 * @returns {Promise<number>} its exit status, or that of a machine that is not ready
 */
export async function startInVirtualMachine(name, words) {
  try {
    return await (name === 'doctor' ? examine(words) : runInVirtualMachine(name, words));
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return USAGE;
    }
    if (!(error instanceof NoMachine)) throw error;
    process.stderr.write(`Not ready: ${error.message}\n`);
    return NOT_READY;
  }
}

/**
 * `doctor` on a host looks at the host, too, and says what it found also where the machine cannot say more.
 *
 * @param {string[]} words
 */
async function examine(words) {
  const findings = examineHost(() => reach() !== undefined);
  if (findings.every(({ missing }) => !missing)) {
    return await runInVirtualMachine('doctor', words, { [hostFindings]: JSON.stringify(findings) });
  }
  process.stdout.write(findingsAsked(findings, words));
  return NOT_READY;
}

/**
 * @param {string} name
 * @param {string[]} words
 * @param {Record<string, string>} variables set for the command, besides those that are passed on
 * @returns {Promise<number>} its exit status
 * @throws {NoMachine}
 */
async function runInVirtualMachine(name, words, variables = {}) {
  const translated = guestWords(words);
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  process.stderr.write('In the virtual machine:\n');
  const machine = await connect();
  machine.push();
  const watcher = name === 'watch' && machine.isCopy ? pushChanges(machine) : undefined;
  const status = await machine.run(remoteCommand(name, translated.words, variables), terminal, servedPort(name, words));
  watcher?.close();
  machine.pull(translated.written);
  return status;
}

/**
 * The port that a command in the machine serves pages on, so that the address it prints is right here, too.
 *
 * @param {string} name
 * @param {string[]} words
 * @returns {number | undefined}
 */
function servedPort(name, words) {
  if (name !== 'docs' || words.some((word) => ['--build', '--help', '-h'].includes(word))) return undefined;
  const [, value = words[words.indexOf('--port') + 1]] = /^--port=(.*)$/m.exec(words.join('\n')) ?? [];
  const port = words.some((word) => /^--port\b/.test(word)) ? Number(value) : DOCS_PORT;
  if (port === 0) throw new UsageError('--port 0 is not for the virtual machine: name a port, which is brought here');
  return Number.isInteger(port) && port <= 65_535 ? port : undefined;
}

/**
 * A path on the command line that means a file of ours, as the machine names it.
 *
 * @param {string[]} words
 */
function guestWords(words) {
  /** @type {string[]} */
  const written = [];
  const translate = (/** @type {string} */ option, /** @type {string} */ value) => {
    const relative = path.relative(checkout, path.resolve(checkout, value));
    if (relative.startsWith('..') || path.isAbsolute(relative)) {
      throw new UsageError(`${option} ${value} lies outside the checkout, which is all that the virtual machine sees`);
    }
    const inside = relative.split(path.sep).join('/');
    if (option === '--junit') written.push(inside);
    return inside;
  };
  const translated = words.map((word, index) => {
    const [, option, value] = /^(--file|--junit)=(.*)$/.exec(word) ?? [];
    if (option !== undefined) return `${option}=${translate(option, value ?? '')}`;
    const before = words[index - 1];
    return before === '--file' || before === '--junit' ? translate(before, word) : word;
  });
  return { words: translated, written };
}

/** @param {string} name @param {string[]} words @param {Record<string, string>} variables */
function remoteCommand(name, words, variables) {
  const kept = Object.fromEntries(passedOn.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : [])));
  const given = {
    PATH: `${guestCheckout}/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    LANG: 'C.UTF-8',
    BOXWRIGHT_WHERE: 'here',
    ...kept,
    ...variables,
  };
  const settings = Object.entries(given).map(([key, value]) => quote(`${key}=${value}`));
  const command = ['node', 'workshop/cli/start.mjs', name, ...words].map(quote);
  return [
    `cd ${guestCheckout}`,
    // A command that does it again is not needed: a host's own npm may have replaced the folder it lies over.
    'sudo boxwright-mount-packages',
    `sudo env TERM="$TERM" ${[...settings, ...command].join(' ')}`,
  ].join(' && ');
}

/** Connects to the machine, which is started first if the user agrees. @throws {NoMachine} */
async function connect() {
  if (!findProgram('vagrant')) {
    throw new NoMachine('containers are made by a Linux kernel: install Vagrant and a hypervisor, see docs/vm.md');
  }
  const running = reach();
  if (running !== undefined) return running;
  await start();
  const started = reach();
  if (started !== undefined) return started;
  throw new NoMachine('"vagrant up" ended, and the virtual machine does not answer: see "vagrant status"');
}

/** The machine, where it runs and answers. @throws {NoMachine} where it runs and does not answer */
function reach() {
  if (machineDirectories().length === 0) return undefined;
  const known = rememberedMachine();
  if (known?.answers()) return known;
  const running = askVagrant();
  if (running === undefined || running.answers()) return running;
  throw new NoMachine('the virtual machine is running and does not answer: try "vagrant reload"');
}

/** Starts the machine if somebody is there to agree. @throws {NoMachine} */
async function start() {
  if (!(process.stdin.isTTY && process.stderr.isTTY)) {
    throw new NoMachine('the virtual machine is not running: start it with "vagrant up"');
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(terminal, 'close').then(() => 'no');
  const question = 'The virtual machine is not running. Start it with "vagrant up"? [Y/n] ';
  const answer = await Promise.race([terminal.question(question), closed]);
  terminal.close();
  if (!/^\s*(y|yes)?\s*$/i.test(answer)) throw new NoMachine('the virtual machine is not running: "vagrant up"');
  // Whatever it says is not the command's output.
  const { status } = spawnSync('vagrant', ['up'], { cwd: checkout, stdio: ['inherit', 2, 2] });
  if (status !== 0) throw new NoMachine('"vagrant up" failed; it can be run again as often as needed');
}

// ---- the machine ---------------------------------------------------------------------------------------------

/** `vagrant ssh-config` takes seconds; what it said is used until it is wrong. */
function rememberedMachine() {
  try {
    return machine(readFileSync(sshConfigFile(), 'utf8'));
  } catch {
    return undefined;
  }
}

function askVagrant() {
  const { status, stdout } = spawnSync('vagrant', ['ssh-config'], { cwd: checkout, encoding: 'utf8' });
  if (status !== 0) return undefined;
  mkdirSync(path.dirname(sshConfigFile()), { recursive: true });
  writeFileSync(sshConfigFile(), stdout);
  return machine(stdout);
}

function sshConfigFile() {
  return path.join(machineDirectories()[0] ?? checkout, 'boxwright-ssh-config');
}

/**
 * @typedef {{
 *   isCopy: boolean,
 *   answers(): boolean,
 *   push(folder?: string): void,
 *   pull(written: string[]): void,
 *   run(command: string, terminal: boolean, port?: number): Promise<number>,
 * }} Machine
 */

/** @param {string} sshConfig @returns {Machine} */
function machine(sshConfig) {
  const host = /^Host (\S+)/m.exec(sshConfig)?.[1] ?? 'default';
  const hasSsh = findProgram('ssh');
  const sshOptions = ['-F', sshConfigFile(), '-o', 'ConnectTimeout=10'];
  const isCopy = syncedBy() === 'rsync';

  /**
   * @param {string} command
   * @param {boolean} terminal
   * @param {string[]} options of ssh, besides those that lead there
   * @returns {[string, string[]]}
   */
  function words(command, terminal, options = []) {
    if (hasSsh) return ['ssh', [...sshOptions, ...options, terminal ? '-t' : '-T', host, '--', command]];
    return ['vagrant', ['ssh', terminal ? '--tty' : '--no-tty', '--command', command, '--', ...options]];
  }

  /** @param {string} command @returns {string | undefined} what it wrote; undefined where it failed */
  function ask(command) {
    const [program, args] = words(command, false);
    const { status, stdout } = spawnSync(program, args, {
      cwd: checkout,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return status === 0 ? stdout : undefined;
  }

  /** @param {string[]} args */
  function rsync(args) {
    const remoteShell = ['ssh', ...sshOptions].map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ');
    return spawnSync('rsync', ['--rsh', remoteShell, ...args], { cwd: checkout, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  return {
    isCopy,

    /** Whether it can be reached: a machine that was halted, or has another address now, cannot. */
    answers() {
      return ask('true') !== undefined;
    },

    /** Brings what was changed here into the machine, where it has a copy instead of a shared folder. */
    push(folder = '') {
      if (!isCopy) return;
      if (process.platform === 'win32' || !hasSsh) {
        // rsync there wants paths that only Vagrant knows how to write.
        spawnSync('vagrant', ['rsync'], { cwd: checkout, stdio: ['ignore', 2, 2] });
        return;
      }
      const excludes = keptApart.map((name) => `--exclude=/${name}`);
      const [from, to] = [`./${folder}`, `${host}:${guestCheckout}/${folder}`];
      const { status, stderr } = rsync(['-rlptz', '--delete', ...excludes, from, to]);
      if (status !== 0) throw new NoMachine(`your files could not be copied into the virtual machine: ${stderr}`);
    },

    /**
     * Brings back what the command wrote: progress, levels, and the files that it was told to write.
     *
     * @param {string[]} written
     */
    pull(written) {
      if (!isCopy) return;
      if (process.platform !== 'win32' && hasSsh) {
        // Newer files of ours stay: somebody is writing in them.
        rsync(['-rltuz', `${host}:${guestCheckout}/levels`, '.']);
      }
      for (const file of ['progress.json', ...written]) {
        const text = ask(`cat ${quote(`${guestCheckout}/${file}`)}`);
        if (text !== undefined) writeFileSync(path.join(checkout, file), text);
      }
    },

    /**
     * @param {string} command
     * @param {boolean} terminal
     * @param {number} [port] of the machine, which is this one's for as long as the command runs
     * @returns {Promise<number>} its exit status
     */
    async run(command, terminal, port) {
      const pidFile = `/tmp/boxwright-${randomBytes(6).toString('hex')}`;
      // The shell stays, to tell a signal from an exit status; on a terminal Ctrl-C reaches the command by itself.
      const wrapped = `echo $$ > ${pidFile}; trap : INT TERM HUP; ${command}; status=$?; rm -f ${pidFile}; exit $status`;
      const forward = port === undefined ? [] : ['-L', `127.0.0.1:${port}:127.0.0.1:${port}`];
      const [program, args] = words(wrapped, terminal, forward);
      const child = spawn(program, args, {
        cwd: checkout,
        stdio: [process.stdin.isTTY && !terminal ? 'ignore' : 'inherit', 'inherit', 'inherit'],
        // Without a terminal ssh would only hang up: it must not get our Ctrl-C, see `interrupt`.
        detached: !terminal && process.platform !== 'win32',
      });
      const interrupt = (/** @type {NodeJS.Signals} */ signal) => {
        const [killer, killerArgs] = words(`sudo kill -${signal.slice(3)} -- -$(cat ${pidFile})`, false);
        spawn(killer, killerArgs, { cwd: checkout, stdio: 'ignore' });
      };
      for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
        process.on(signal, terminal ? () => {} : interrupt);
      }
      const [status] = /** @type {[number | null]} */ (await once(child, 'exit'));
      if (status === SSH_FAILED && ask('true') === undefined)
        throw new NoMachine('the connection to the virtual machine broke');
      return status ?? NOT_READY;
    },
  };
}

/** How the checkout gets into the machine, as Vagrant noted it: `rsync` is a copy, everything else is shared. */
function syncedBy() {
  try {
    const file = path.join(machineDirectories()[0] ?? '', 'synced_folders');
    /** @type {Record<string, Record<string, { guestpath?: string }>>} */
    const folders = JSON.parse(readFileSync(file, 'utf8'));
    return Object.keys(folders).find((kind) =>
      Object.values(folders[kind] ?? {}).some(({ guestpath }) => guestpath === guestCheckout),
    );
  } catch {
    return undefined;
  }
}

/** While a command runs that looks at files again and again. @param {Machine} machine */
function pushChanges(machine) {
  /** @type {NodeJS.Timeout | undefined} */
  let soon;
  return watch(path.join(checkout, 'levels'), { recursive: true }, () => {
    clearTimeout(soon);
    soon = setTimeout(() => machine.push('levels/'), 100);
  });
}

/** @param {string} word for a shell */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
