// npm run box -- <level> run …: starts your container runtime, in a testbed so that it cannot damage this machine.
import { once } from 'node:events';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { parseRun, verbOptions } from '../command-line.ts';
import { programEnvironment } from '../grading/program-environment.ts';
import { programCommand } from '../grading/student-program.ts';
import type { Pulled } from '../images/pull.ts';
import { parseReference } from '../images/reference.ts';
import { openTestbed, type Testbed } from '../grading/testbed.ts';
import {
  becomeRoot,
  command,
  exitStatus,
  levelNamed,
  needBusybox,
  options,
  takeBoxFile,
  UsageError,
  notReady,
} from './command.ts';
import { needStarter, starterOn } from './starter.ts';
import type { Level } from '../levels.ts';

const BYTES_PER_MB = 1_000_000;

const help = `Usage: npm run box -- <level> [options] run [options] <command…>
       npm run box -- <level> [options] host [script]
       npm run box -- bonus-images pull [--as NAME] <image>

run   starts your box.ts. What it does to the machine stays in a testbed, a
      disposable host that is gone afterwards.
      Root starts it, and for bonus-rootless an ordinary user.
      bonus-lifecycle has more words than run: npm run box -- bonus-lifecycle ps
host  opens a shell on such a disposable host, or runs a script there. "box run"
      is your program there, as often as you like on the same host.
pull  fetches an image from a registry, for bonus-images. It is named as docker
      names it, HOST[:PORT]/NAME[:TAG]; --as says what to call it here.

  --solution    the reference solution in place of your box.ts
  --file PATH   a box.ts from anywhere

Examples: npm run box -- level-01 run -i busybox /bin/sh
          npm run box -- level-02 host 'box run true; cat /proc/mounts'
The exit status is that of box.ts, or of the shell.
`;

async function main(argv: string[]): Promise<number> {
  const [asked, ...rest] = argv;
  if (asked === undefined) throw new UsageError('which level? For example: npm run box -- level-00 run ls');
  if (asked.startsWith('-')) throw new UsageError('the level comes first: npm run box -- level-00 --solution run ls');
  const level = levelNamed(asked);
  if (rest[0] === 'pull') return await pull(level, rest.slice(1));
  const file = takeBoxFile(level, rest);
  sayWhatIsLater(level, rest);
  becomeRoot();
  needStarter(level);
  await needBusybox(false);
  await fillCompileCache(file);
  await using testbed = await openTestbed([file]).catch((error: unknown) => {
    throw notReady(error);
  });
  const words = rest[0] === 'host' ? hostShell(testbed, file, rest.slice(1)) : programCommand(file, rest);
  const terminal = process.env['TERM'];
  // Ctrl-C is for what runs in the testbed; we only wait for it to end.
  process.on('SIGINT', () => {});
  process.on('SIGQUIT', () => {});
  const { become, home, prompt } = await starterOn(testbed, level, file);
  const program = testbed.start([...become, ...words], {
    cwd: home,
    env: {
      ...programEnvironment(home),
      PS1: String.raw`\h:\w${prompt} `,
      ...(terminal !== undefined && { TERM: terminal }),
    },
    terminal: true,
  });
  const [status, signal] = (await once(program, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal === null ? (status ?? exitStatus.fault) : exitStatus.interrupted;
}

/** Options that mean something from a level on. Every box.ts takes them, so that the words are the same in all levels. */
const laterOptions = [
  { name: '--cpu-shares', field: 'cpuShares', from: '07' },
  { name: '--memory', field: 'memory', from: '08' },
  { name: '--memory-swap', field: 'memorySwap', from: '08' },
  { name: '--user', field: 'user', from: '09' },
] as const;

function sayWhatIsLater(level: Level, words: readonly string[]): void {
  if (level.bonus) return;
  let asked;
  try {
    asked = parseRun(words, process.env);
  } catch {
    // What is wrong with the words, or their help, comes from box.ts.
    return;
  }
  for (const { name, field, from } of laterOptions) {
    if (asked[field] === null || level.number >= from) continue;
    process.stderr.write(`${name} does nothing in level ${level.number} yet: it comes with level ${from}\n`);
  }
}

/** Fetches an image into the folder of images, which the hosts of all later runs have. */
async function pull(level: Level, words: string[]): Promise<number> {
  if (level.number !== 'images') throw new UsageError(`only bonus-images runs images of a registry, not ${level.name}`);
  const { values, positionals } = options({
    args: words,
    options: { as: { type: 'string' } },
    allowPositionals: true,
  });
  const [image, ...more] = positionals;
  if (image === undefined || more.length > 0) throw new UsageError('pull takes one image: HOST[:PORT]/NAME[:TAG]');
  try {
    parseReference(image);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  becomeRoot();
  try {
    const { name, digest, layers, bytes, fetched } = await pullWithView(image, values.as);
    const [all, now] = [bytes, fetched].map((count) => `${(count / BYTES_PER_MB).toFixed(1)} MB`);
    process.stdout.write(`image ${name}: ${layers} layers, ${all}, of which ${now} were fetched\n  ${digest}\n`);
  } catch (error) {
    throw notReady(error);
  }
  return exitStatus.passed;
}

async function pullWithView(image: string, name: string | undefined): Promise<Pulled> {
  const [{ pullImage }, { openPullView }] = await Promise.all([
    import('../images/pull.ts'),
    import('../images/pull-progress.ts'),
  ]);
  using view = openPullView(name ?? image);
  return await pullImage(image, { name, onProgress: view.show });
}

/** A shell on the testbed's host, on which the command `box` is the program; with words, they are its script. */
function hostShell(testbed: Testbed, file: string, script: readonly string[]): string[] {
  const quoted = programCommand(file, []).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  testbed.writeFile('/usr/local/bin/box', `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`, 0o755);
  return script.length === 0 ? ['bash', '--norc', '--noprofile'] : ['sh', '-c', script.join(' ')];
}

await command(help, main, ['run', 'host', ...Object.keys(verbOptions)]);
