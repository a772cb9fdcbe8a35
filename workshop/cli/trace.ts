// npm run trace [level] -- <command…>: the system calls of a run, each with its line in box.ts.
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { ink } from '../ink.ts';
import wrapAnsi from 'wrap-ansi';
import type { TraceLine } from '../../linux/trace.ts';
import { meaningOf } from '../errno.ts';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { locationOf, showResult } from '../grading/finding.ts';
import { parseTrace } from '../grading/trace-lines.ts';
import { programEnvironment } from '../grading/program-environment.ts';
import { programCommand } from '../grading/student-program.ts';
import { openTestbed } from '../grading/testbed.ts';
import { findLevel } from '../levels.ts';
import { currentLevel } from '../progress.ts';
import { becomeRoot, command, exitStatus, levelNamed, needBusybox, takeBoxFile, notReady } from './command.ts';
import { needStarter, starterOn } from './starter.ts';

const help = `Usage: npm run trace [level] -- [options] <command…>

Runs your box.ts with that command, on a disposable host, and then prints each
system call that it made: which process made it, what it returned, and the line
in box.ts. What failed is explained.

  --solution    the reference solution in place of your box.ts
  --file PATH   a box.ts from anywhere
  --json        one JSON object a call

Options of box.ts, such as -i or --memory, stand right before the command.
Examples: npm run trace level-01 -- /bin/ls /
          npm run trace level-08 -- --solution --memory 64m true
The exit status is that of box.ts.
`;

/** Columns: no wider than a report. */
const WIDTH = 80;

async function main(argv: string[]): Promise<number> {
  const words = [...argv];
  // The level can be left out; a word that looks like one must be one.
  const named = words[0] !== undefined && (/^(level|bonus|\d)/.test(words[0]) || findLevel(words[0]) !== null);
  const level = named ? levelNamed(words.shift()!) : currentLevel();
  const file = takeBoxFile(level, words);
  const json = words[0] === '--json';
  if (json) words.shift();
  if (words[0] === '--') words.shift();
  if (words.length === 0) words.push('true');

  becomeRoot();
  needStarter(level);
  await needBusybox(false);
  await fillCompileCache(file);
  await using testbed = await openTestbed([file]).catch((error: unknown) => {
    throw notReady(error);
  });
  // Ctrl-C is for what runs in the testbed; we only wait for it to end.
  process.on('SIGINT', () => {});
  const { become, home } = await starterOn(testbed, level, file);
  const program = testbed.start([...become, ...programCommand(file, ['run', ...words])], {
    cwd: home,
    env: {
      ...programEnvironment(home),
      TERM: process.env['TERM'] ?? 'dumb',
      BOXWRIGHT_TRACE: '3',
    },
    terminal: true,
    trace: true,
  });
  const written = text(program.stdio[3] as Readable);
  const [status, signal] = (await once(program, 'exit')) as [number | null, NodeJS.Signals | null];
  // What it left behind may still hold the descriptor.
  await testbed.close();
  const lines = parseTrace(await written);
  if (json) for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
  else process.stdout.write(show(lines));
  return signal === null ? (status ?? exitStatus.fault) : exitStatus.interrupted;
}

/** The calls, a process in each colour; a call that began and did not return (exec, _exit) stands once. */
function show(lines: readonly TraceLine[]): string {
  if (lines.length === 0) return 'box.ts made no system call of the course.\n';
  const processes = [...new Set(lines.map(({ process }) => process))];
  const colours = [ink.cyan, ink.magenta, ink.yellow, ink.blue];
  const shown = lines
    .filter((line, index) => line.phase === 'done' || !returned(lines, index))
    .flatMap((line) => {
      const number = processes.indexOf(line.process);
      const who = colours[number % colours.length]!(`process ${line.process}`.padEnd(14));
      return callLines(line, who);
    });
  const legend = processes.map((name) => `process ${name}: ${nameOf(name, lines)}`);
  return [...legend.map((line) => ink.dim(line)), '', ...shown, ''].join('\n');
}

function callLines(line: TraceLine, who: string): string[] {
  const { call, args, phase, errno, note } = line;
  const outcome = phase === 'begins' ? '' : errno === null ? ` = ${showResult(line)}` : ` = -1 ${errno}`;
  const place = locationOf(line);
  const where = place === null ? '' : `  ${place.file.split('/').at(-1)}:${place.line}`;
  const body = `${call}(${args.join(', ')})${outcome}`;
  const indent = 15;
  const wrapped = wrapAnsi(`${body}${where}`, WIDTH - indent, { hard: true }).split('\n');
  const paint = errno === null ? (row: string): string => row : ink.red;
  const rows = wrapped.map((row, index) => `${index === 0 ? who : ' '.repeat(14)} ${paint(row)}`);
  const meaning = errno === null ? note : meaningOf(call, errno);
  if (meaning === null) return rows;
  const explained = wrapAnsi(meaning, WIDTH - indent - 2).split('\n');
  return [...rows, ...explained.map((row) => `${' '.repeat(indent + 2)}${ink.dim(row)}`)];
}

/** Whether a call that began at this place has a later line that says how it ended. */
function returned(lines: readonly TraceLine[], index: number): boolean {
  const { call, process } = lines[index]!;
  const next = lines.slice(index + 1).find((line) => line.process === process && line.call === call);
  return next?.phase === 'done';
}

function nameOf(process: string, lines: readonly TraceLine[]): string {
  if (process === '0') return 'box.ts';
  const pid = lines.find((line) => line.process === process)?.pid;
  return `a child, which calls itself ${pid}`;
}

await command(help, main);
