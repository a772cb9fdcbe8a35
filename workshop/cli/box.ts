// npm run box -- <level> run …: starts your container runtime, in a testbed so that it cannot damage this machine.
import { once } from 'node:events';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { verbOptions } from '../command-line.ts';
import { programEnvironment } from '../grading/program-environment.ts';
import { programCommand } from '../grading/student-program.ts';
import { openTestbed, type Testbed } from '../grading/testbed.ts';
import {
  becomeRoot,
  command,
  exitStatus,
  levelNamed,
  needBusybox,
  takeBoxFile,
  UsageError,
  withoutTestbed,
} from './command.ts';
import { needStarter, starterOn } from './starter.ts';

const help = `Usage: npm run box -- <level> [options] run [options] <command…>
       npm run box -- <level> [options] host [script]

run   starts your box.ts. What it does to the machine stays in a testbed, a
      disposable host that is gone afterwards.
      Root starts it, and for bonus-rootless an ordinary user.
      bonus-lifecycle has more words than run: npm run box -- bonus-lifecycle ps
host  opens a shell on such a disposable host, or runs a script there. "box run"
      is your program there, as often as you like on the same host.

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
  const file = takeBoxFile(level, rest);
  becomeRoot();
  needStarter(level);
  await needBusybox(false);
  await fillCompileCache(file);
  await using testbed = await openTestbed([file]).catch((error: unknown) => {
    throw withoutTestbed(error);
  });
  const words = rest[0] === 'host' ? hostShell(testbed, file, rest.slice(1)) : programCommand(file, rest);
  const terminal = process.env['TERM'];
  // Ctrl-C is for what runs in the testbed; we only wait for it to end.
  process.on('SIGINT', () => {});
  process.on('SIGQUIT', () => {});
  const { become, home, prompt } = starterOn(testbed, level, file);
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

/** A shell on the testbed's host, on which the command `box` is the program; with words, they are its script. */
function hostShell(testbed: Testbed, file: string, script: readonly string[]): string[] {
  const quoted = programCommand(file, []).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  testbed.writeFile('/usr/local/bin/box', `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`, 0o755);
  return script.length === 0 ? ['bash', '--norc', '--noprofile'] : ['sh', '-c', script.join(' ')];
}

await command(help, main, ['run', 'host', ...Object.keys(verbOptions)]);
