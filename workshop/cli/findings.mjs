// @ts-check
// What `npm run doctor` finds and how it says so. Plain JavaScript: a host without anything of ours says it, too.
import { spawnSync } from 'node:child_process';
import { findProgram, machineDirectories } from './where.mjs';

/**
 * @typedef {{
 *   id: string,
 *   title: string,
 *   detail: string,
 *   missing: boolean,
 *   mend: string | null,
 * }} Finding one thing that was looked at; `mend` is the command that helps, also where nothing is missing
 */

/** The environment variable by which a host tells the machine's doctor what it found. */
export const hostFindings = 'BOXWRIGHT_HOST_FINDINGS';

/** What runs virtual machines, as Vagrant names it, and a program of it. */
const providers = {
  virtualbox: 'VBoxManage',
  libvirt: 'virsh',
  vmware_desktop: 'vmrun',
  parallels: 'prlctl',
  qemu: 'qemu-img',
};

/**
 * What a host needs to run the virtual machine.
 *
 * @param {() => boolean} answers whether the machine does
 * @returns {Finding[]}
 */
export function examineHost(answers) {
  const version = spawnSync('vagrant', ['--version'], { encoding: 'utf8' });
  const vagrant = version.status === 0;
  /** @type {Finding[]} */
  const findings = [
    {
      id: 'vagrant',
      title: 'Vagrant',
      detail: vagrant ? version.stdout.trim() : 'it is not installed',
      missing: !vagrant,
      mend: vagrant ? null : 'see docs/vm.md',
    },
  ];
  const used = machineDirectories().map((directory) => directory.split(/[\\/]/).at(-1));
  const found = Object.entries(providers).flatMap(([name, program]) => (findProgram(program) ? [name] : []));
  const provider = used[0] ?? found[0];
  findings.push({
    id: 'provider',
    title: 'a hypervisor',
    detail: provider ?? `none was found (${Object.keys(providers).join(', ')})`,
    missing: provider === undefined,
    mend: provider === undefined ? 'see docs/vm.md' : null,
  });
  const running = vagrant && answers();
  const state = used.length === 0 ? 'it has not been made' : 'it does not run';
  findings.push({
    id: 'machine',
    title: 'the virtual machine',
    detail: running ? 'it runs' : state,
    missing: !running,
    mend: running ? null : 'vagrant up',
  });
  return findings;
}

/**
 * The findings as they were asked for.
 *
 * @param {Finding[]} findings
 * @param {string[]} words --json, or --plain
 */
export function findingsAsked(findings, words) {
  const ready = findings.every(({ missing }) => !missing);
  if (words.includes('--json')) {
    return `${JSON.stringify({ schema: 'boxwright/doctor/v1', ready, findings }, null, 2)}\n`;
  }
  const plain = words.includes('--plain') || process.env['NO_COLOR'] !== undefined;
  const lines = findings.flatMap(({ title, detail, missing, mend }) => {
    const mark = markOf(missing, mend !== null, plain);
    return [`${mark} ${title}: ${detail}`, ...(mend === null ? [] : [`${' '.repeat(mark.length)} -> ${mend}`])];
  });
  return `${lines.join('\n')}\n\n${ready ? 'This is ready.' : 'This is not ready yet.'}\n`;
}

/**
 * Ready, missing, or missing for a bonus level only.
 *
 * @param {boolean} missing
 * @param {boolean} canBeMended
 * @param {boolean} plain
 */
function markOf(missing, canBeMended, plain) {
  if (missing) return plain ? 'MISSING' : '✗';
  if (canBeMended) return plain ? 'absent ' : '-';
  return plain ? 'ok     ' : '✓';
}
