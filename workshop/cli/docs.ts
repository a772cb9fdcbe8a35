// npm run docs: builds the lessons, the handbook and the reference into a site, and serves it.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import sirv from 'sirv';
import { buildSite, NotOurs, siteDirectory } from '../site/build.ts';
import { command, exitStatus, NotReady, options, UsageError } from './command.ts';

const help = `Usage: npm run docs [-- options]

Builds the lessons, the handbook and the reference of the system calls into a
site, and serves it on this machine until Ctrl-C. Needs no root. The pages also
work without a server: open site/index.html.

  --build      only build it
  --out DIR    build it there (site, beside package.json)
  --port N     serve it on this port (8484; 0: any that is free)
`;

const PORT = 8484;
const MOST = 65_535;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { build: { type: 'boolean' }, out: { type: 'string' }, port: { type: 'string' } },
  });
  if (positionals.length > 0) throw new UsageError('docs takes no words, only options');
  if (values.out === '') throw new UsageError('--out needs a folder');
  const port = values.port === undefined ? PORT : portOf(values.port);
  const directory = path.resolve(values.out ?? siteDirectory);
  const pages = build(directory);
  process.stdout.write(`${pages.length} pages in ${directory}\n`);
  if (values.build) return exitStatus.passed;
  const server = createServer(sirv(directory, { dev: true }));
  await listen(server, port);
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/  (Ctrl-C ends)\n`);
  const [signal] = await Promise.race(['SIGINT', 'SIGTERM'].map((name) => once(process, name)));
  server.closeAllConnections();
  server.close();
  return signal === 'SIGINT' ? exitStatus.passed : exitStatus.interrupted;
}

function portOf(typed: string): number {
  if (!/^\d+$/.test(typed) || Number(typed) > MOST) {
    throw new UsageError(`--port takes a number from 0 to ${MOST}, not "${typed}"`);
  }
  return Number(typed);
}

/** @throws UsageError where something else is there, NotReady where it cannot be written */
function build(directory: string): string[] {
  try {
    return buildSite(directory);
  } catch (error) {
    if (error instanceof NotOurs) throw new UsageError(error.message);
    const { code, path: where } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'EEXIST') throw new UsageError(`${directory} is no folder`);
    if (code === 'EACCES' || code === 'EROFS' || code === 'ENOSPC' || code === 'EPERM') {
      throw new NotReady(`cannot write ${where ?? directory} (${code}): name another folder with --out`);
    }
    throw error;
  }
}

/** @throws NotReady where the port cannot be had */
async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const other = 'name another one with --port, or 0 for any';
    if (code === 'EADDRINUSE') throw new NotReady(`another program uses port ${port}: ${other}`);
    if (code === 'EACCES') throw new NotReady(`port ${port} is for root only: ${other}`);
    throw error;
  }
}

await command(help, main);
