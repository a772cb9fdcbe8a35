// A git bundle that was handed in. git reads it, as nobody, with limits, and without anybody's settings: it checks the
// objects and hands out the contents of files. Nothing is checked out, so no filter and no hook of the bundle is run.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemPath } from '../grading/testbed.ts';
import { type Basket, intakeLimits, tooLarge } from './basket.ts';
import { Unusable } from './submission.ts';

const run = promisify(execFile);

/** Debian's user `nobody`. */
const NOBODY = 65_534;
/** Bytes of memory, bytes of a file, and seconds of computing that git may take. See prlimit(1). */
const limits = ['--as=1073741824', `--fsize=${intakeLimits.unpacked}`, `--cpu=${intakeLimits.time / 1000}`, '--core=0'];
const settings = [
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.fsmonitor=false',
  'fetch.fsckObjects=true',
  'fetch.unpackLimit=1',
  'gc.auto=0',
  'maintenance.auto=false',
  'pack.threads=1',
  'protocol.allow=never',
  'protocol.file.allow=always',
].flatMap((setting) => ['-c', setting]);

/** Takes what is wanted out of the commit that is handed in: HEAD, or the only branch. @throws Unusable */
export async function takeFromBundle(file: string, basket: Basket): Promise<void> {
  using folder = fs.mkdtempDisposableSync(path.join(os.tmpdir(), 'boxwright-bundle-'));
  const bundle = path.join(folder.path, 'handed-in.bundle');
  const repository = path.join(folder.path, 'repository');
  fs.copyFileSync(file, bundle);
  fs.mkdirSync(repository);
  for (const name of [folder.path, bundle, repository]) fs.chownSync(name, NOBODY, NOBODY);
  const git = async (...words: string[]): Promise<Buffer> => {
    const { stdout } = await run(
      'setpriv',
      [
        `--reuid=${NOBODY}`,
        `--regid=${NOBODY}`,
        '--clear-groups',
        '--no-new-privs',
        'prlimit',
        ...limits,
        'git',
        ...settings,
        ...words,
      ],
      {
        cwd: repository,
        env: {
          PATH: systemPath,
          HOME: '/nonexistent',
          LC_ALL: 'C',
          GIT_DIR: repository,
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_TERMINAL_PROMPT: '0',
        },
        encoding: 'buffer',
        timeout: intakeLimits.time,
        killSignal: 'SIGKILL',
        maxBuffer: 16 * 1024 ** 2,
      },
    );
    return stdout;
  };

  try {
    await git('init', '--quiet', '--bare', '--template=', repository);
    const head = headOf((await git('bundle', 'list-heads', bundle)).toString('utf8'));
    await git('fetch', '--quiet', '--no-tags', '--no-write-fetch-head', bundle, `+${head}:refs/heads/handed-in`);
    const commit = await git('log', '-1', '--format=%H %ct', 'refs/heads/handed-in');
    const [hash, time] = commit.toString('utf8').trim().split(' ');
    basket.from(hash!, new Date(Number(time) * 1000));
    const tree = await git('ls-tree', '-r', '-z', '--long', '--full-tree', 'refs/heads/handed-in');
    for (const line of tree.toString('utf8').split('\0').filter(Boolean)) {
      // `100644 blob 83baae61804e65cc73a7201a7252750c76066a30    1234<TAB>levels/00-fork-exec/box.ts`
      const [, mode, object, size, name] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t([^]*)$/.exec(line)!;
      if (!basket.wants(name!)) continue;
      if (!mode!.startsWith('100')) basket.put(name!, 'its box.ts is no plain file');
      else if (Number(size) > intakeLimits.box) basket.put(name!, tooLarge);
      else basket.put(name!, await git('cat-file', 'blob', object!));
    }
  } catch (error) {
    if (error instanceof Unusable) throw error;
    const { stderr, message, killed } = error as Error & { stderr?: Buffer; killed?: boolean };
    if (killed) throw new Unusable('looking through it took too long');
    const said = (stderr?.toString('utf8') ?? message).split('\n').find((line) => line.trim() !== '') ?? message;
    throw new Unusable(`its git bundle cannot be read (${said.slice(0, 120)})`);
  }
}

/** The head that is meant, of what `git bundle list-heads` prints: `8c1f… refs/heads/main`. */
function headOf(listed: string): string {
  const heads = listed.split('\n').flatMap((line) => line.split(' ')[1] ?? []);
  const branches = heads.filter((head) => head.startsWith('refs/heads/'));
  const meant = ['HEAD', 'refs/heads/main', 'refs/heads/master'].find((head) => heads.includes(head));
  const head = meant ?? (branches.length === 1 ? branches[0] : undefined);
  if (head !== undefined && /^[\w./-]+$/.test(head)) return head;
  throw new Unusable('its git bundle has neither HEAD nor one branch');
}
