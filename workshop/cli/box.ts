// npm run box -- <level> run …: starts your container runtime, in a testbed so that it cannot damage this machine.
import { once } from 'node:events';
import { dataDirectory } from '../paths.ts';
import { fileOf } from '../grading/run-grader.ts';
import { compileCache, fillCompileCache } from '../grading/compile-cache.ts';
import { programCommand } from '../grading/student-program.ts';
import { openTestbed, systemPath } from '../grading/testbed.ts';
import { becomeRoot, command, exitStatus, levelNamed, needBusybox, UsageError, withoutTestbed } from './command.ts';

const help = `Usage: npm run box -- <level> [--solution] run [options] <command…>

Runs the box.ts of a level. What it does to the machine stays in a testbed, a
disposable host that is gone afterwards.

  --solution   the reference solution in place of your box.ts

Example: npm run box -- level-01 run -i busybox /bin/sh
The exit status is that of box.ts.
`;

async function main(argv: string[]): Promise<number> {
  const [asked, ...rest] = argv;
  if (asked === undefined) throw new UsageError('which level? For example: npm run box -- level-00 run ls');
  if (asked.startsWith('-')) throw new UsageError('the level comes first: npm run box -- level-00 --solution run ls');
  const level = levelNamed(asked);
  const solution = rest[0] === '--solution';
  const words = solution ? rest.slice(1) : rest;
  becomeRoot();
  await needBusybox(false);
  fillCompileCache();
  const file = fileOf(level, solution ? 'solution' : 'student');
  await using testbed = await openTestbed([file]).catch((error: unknown) => {
    throw withoutTestbed(error);
  });
  const terminal = process.env['TERM'];
  // Ctrl-C is for what runs in the testbed; we only wait for it to end.
  process.on('SIGINT', () => {});
  process.on('SIGQUIT', () => {});
  const program = testbed.start(programCommand(file, words), {
    cwd: '/root',
    env: {
      PATH: systemPath,
      HOME: '/root',
      BOXWRIGHT_HOME: dataDirectory(),
      NODE_COMPILE_CACHE: compileCache(),
      ...(terminal !== undefined && { TERM: terminal }),
    },
    terminal: true,
  });
  const [status, signal] = (await once(program, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal === null ? (status ?? exitStatus.fault) : exitStatus.interrupted;
}

await command(help, main, (argv) => (argv.includes('run') ? argv.slice(0, argv.indexOf('run')) : argv));
