// What a worker's virtual machine is made of: Debian and a kernel as for our own tests (tests/vm), and disks with the
// npm packages and this workshop.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { NotReady } from '../cli/command.ts';
import { imageInfoPath, imagePath } from '../images/image.ts';
import { workshopRoot } from '../paths.ts';

const run = promisify(execFile);

/** Bytes of the disk with the workshop; it is sparse. */
const PROJECT_SIZE = 64 * 1024 ** 2;

/** The files of a virtual machine. None is written to while it runs. */
export type VmDisks = {
  kernel: string;
  initrd: string;
  cmdline: string;
  debian: string;
  packages: string;
  project: string;
};

/**
 * Makes what is missing, which takes minutes the first time.
 *
 * @param folder where the disk with the workshop goes
 * @throws NotReady where a part cannot be made
 */
export async function vmDisks(folder: string): Promise<VmDisks> {
  const script = async (...words: string[]): Promise<string> => {
    try {
      const { stdout } = await run('sh', words.with(0, path.join(workshopRoot, 'tests', words[0]!)));
      return stdout.trim().split('\n').at(-1)!;
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1);
      throw new NotReady(`no virtual machine can be made (${said || (error as Error).message})`, { cause: error });
    }
  };
  await script('install-packages.sh', 'guest');
  const box = await script('vm/build-box.sh');
  const packages = await script('vm/build-packages-disk.sh');
  return {
    kernel: path.join(box, 'vmlinuz'),
    initrd: path.join(box, 'initrd.img'),
    cmdline: fs.readFileSync(path.join(box, 'cmdline'), 'utf8').trim(),
    debian: path.join(box, 'disk.qcow2'),
    packages,
    project: await projectDisk(folder),
  };
}

/** The workshop and the image busybox, as an ext4 filesystem. Not what students handed in, and no results. */
async function projectDisk(folder: string): Promise<string> {
  const tree = path.join(folder, 'tree');
  fs.rmSync(tree, { recursive: true, force: true });
  for (const name of ['linux', 'levels', 'solutions', 'workshop', 'package.json', 'package-lock.json']) {
    fs.cpSync(path.join(workshopRoot, name), path.join(tree, name), { recursive: true });
  }
  fs.mkdirSync(path.join(tree, 'node_modules'));
  fs.mkdirSync(path.join(tree, 'images'));
  for (const file of [imagePath('busybox'), imageInfoPath('busybox')]) {
    fs.copyFileSync(file, path.join(tree, 'images', path.basename(file)));
  }
  const disk = path.join(folder, 'project.img');
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, PROJECT_SIZE);
  await run('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-d', tree, disk]);
  fs.rmSync(tree, { recursive: true });
  return disk;
}
