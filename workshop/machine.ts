// What the workshop needs of a machine, looked at one by one, each with the command that mends it.
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Finding } from './cli/findings.mjs';
import { cgroupHierarchies, cgroupVersion, type Hierarchy } from './grading/cgroup-mounts.ts';
import { hindranceHere } from './grading/ordinary-user.ts';
import { openTestbed } from './grading/testbed.ts';
import { IMAGE_NAMES, isImageReady, setupCommand } from './images/image.ts';
import { dataDirectory, workshopRoot } from './paths.ts';

/** Bytes. A testbed may use a GiB; what else runs needs some, too. */
const MEMORY_NEEDED = 768 * 1024 ** 2;
/** Bytes. Images, and room to build one. */
const DISK_NEEDED = 500 * 1000 ** 2;
const vmHint = 'use the virtual machine (vagrant up), or a container with --privileged';
/** Where vagrant/provision.sh notes which packages it installed. */
const installedPackages = '/opt/boxwright/packages/installed';

/** Looks at this machine as root, without changing it. */
export async function examineMachine(): Promise<Finding[]> {
  const hierarchies = cgroupHierarchies();
  return [
    finding('kernel', 'a Linux kernel', `${os.release()}, ${process.arch}`),
    namespaces(),
    overlay(),
    withoutRoot(),
    ...cgroups(hierarchies),
    swapAccounting(hierarchies),
    network(),
    memory(),
    disk(),
    ...IMAGE_NAMES.map((name) => {
      const ready = isImageReady(name);
      const detail = ready ? 'it is built' : 'it is not built';
      return finding(`image-${name}`, `the image ${name}`, detail, ready ? undefined : setupCommand(name));
    }),
    ...packages(),
    await testbed(),
  ];
}

/** Looks at whether we may become root. */
export function examineRoot(hasSudo: boolean): Finding {
  const root = process.getuid?.() === 0;
  const mend = root || hasSudo ? undefined : `run it as root, or ${vmHint}`;
  return finding('root', 'root', root ? 'this is root' : hasSudo ? 'through sudo' : 'neither root nor sudo', mend);
}

function finding(id: string, title: string, detail: string, mend?: string): Finding {
  return { id, title, detail, missing: mend !== undefined, mend: mend ?? null };
}

/** A finding of what only a bonus level needs: it is never missing, and can have a command that brings it. */
function forBonusLevel(id: string, title: string): (detail: string, mend: string | null) => Finding {
  return (detail, mend) => ({ id, title: `${title}, for the bonus level`, detail, missing: false, mend });
}

function namespaces(): Finding {
  const kinds = ['mount', 'uts', 'ipc', 'net', 'pid', 'cgroup'];
  const refused = kinds.filter((kind) => !succeeds('unshare', [`--${kind}`, '--fork', 'true']));
  const detail = refused.length === 0 ? kinds.join(', ') : `this machine does not let us make: ${refused.join(', ')}`;
  return finding('namespaces', 'namespaces', detail, refused.length === 0 ? undefined : vmHint);
}

function overlay(): Finding {
  const script = `mount -t tmpfs none /tmp && mkdir /tmp/a /tmp/b /tmp/c /tmp/d &&
    mount -t overlay -o lowerdir=/tmp/a,upperdir=/tmp/b,workdir=/tmp/c none /tmp/d`;
  const works = succeeds('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script]);
  const known = fs.readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n');
  if (works) return finding('overlay', 'overlay filesystems', 'they can be mounted');
  return finding(
    'overlay',
    'overlay filesystems',
    known ? 'this machine does not let us mount one' : 'the kernel has none',
    known ? vmHint : 'modprobe overlay',
  );
}

/** Only one bonus level needs this: a machine without it is ready all the same. */
function withoutRoot(): Finding {
  const hindrance = hindranceHere();
  const found = forBonusLevel('without-root', 'containers without root');
  return hindrance === null ? found('ordinary users can make them', null) : found(hindrance.why, hindrance.mend);
}

function cgroups(hierarchies: Hierarchy[]): Finding[] {
  const version = cgroupVersion();
  const wanted = ['cpu', 'memory', 'pids'];
  const there = hierarchies.flatMap(({ version: of, mountPoint, controllers }) =>
    of === 2 ? fs.readFileSync(path.join(mountPoint, 'cgroup.controllers'), 'utf8').trim().split(/\s+/) : controllers,
  );
  const absent = wanted.filter((name) => !there.includes(name));
  return [
    finding('cgroup', 'cgroups', version === 'none' ? 'none' : version, version === 'none' ? vmHint : undefined),
    finding(
      'controllers',
      'cgroup controllers',
      absent.length === 0 ? wanted.join(', ') : `absent: ${absent.join(', ')}`,
      absent.length === 0 ? undefined : vmHint,
    ),
  ];
}

/** Whether swap can be limited. On v2 only a cgroup below the root that has the memory controller shows it. */
function swapAccounting(hierarchies: Hierarchy[]): Finding {
  const works = hierarchies.some(({ version, mountPoint, controllers }) =>
    version === 2
      ? children(mountPoint).some((name) => fs.existsSync(path.join(mountPoint, name, 'memory.swap.max')))
      : controllers.includes('memory') && fs.existsSync(path.join(mountPoint, 'memory.memsw.limit_in_bytes')),
  );
  const mend = 'start the kernel with swapaccount=1, or use the virtual machine (vagrant up)';
  const swap = /^SwapTotal:\s+(\d+)/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0';
  return finding(
    'swap-accounting',
    'limits of swap',
    works ? `they can be set; this machine has ${Math.round(Number(swap) / 1024)} MiB of swap` : 'the kernel has none',
    works ? undefined : mend,
  );
}

/** Bridges and NAT, and the programs that make them. A machine is ready without: only a bonus level needs it. */
function network(): Finding {
  const found = forBonusLevel('network', 'networks of containers');
  const absent = ['ip', 'nft'].filter((name) => !succeeds(name, ['-V']));
  if (absent.length > 0) {
    return found(`${absent.join(' and ')} cannot be found`, 'sudo apt-get install iproute2 nftables');
  }
  const script = `ip link add one type bridge && ip link add two type veth peer name three &&
    nft 'add table ip four; add chain ip four five { type nat hook postrouting priority 100; }; add rule ip four five masquerade'`;
  const works = succeeds('unshare', ['--net', 'sh', '-c', script]);
  return works
    ? found('a bridge, a pair and NAT can be made', null)
    : found('this kernel refuses a bridge or NAT', vmHint);
}

function memory(): Finding {
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
  const detail = `${Math.round(available / 1024 ** 2)} MiB are free`;
  return finding(
    'memory',
    'memory',
    detail,
    available >= MEMORY_NEEDED ? undefined : 'end other programs, or BOXWRIGHT_VM_MEMORY=3072 vagrant reload',
  );
}

function disk(): Finding {
  let directory = dataDirectory();
  while (!fs.existsSync(directory)) directory = path.dirname(directory);
  const { bavail, bsize } = fs.statfsSync(directory);
  const detail = `${Math.round((bavail * bsize) / 1000 ** 2)} MB are free below ${directory}`;
  return finding('disk', 'disk', detail, bavail * bsize >= DISK_NEEDED ? undefined : 'npm run clean');
}

/** In the virtual machine: its packages are a copy, made for one state of the checkout. */
function packages(): Finding[] {
  if (!fs.existsSync(installedPackages)) return [];
  const lock = fs.readFileSync(path.join(workshopRoot, 'package-lock.json'));
  const current = fs.readFileSync(installedPackages, 'utf8').trim() === hash('sha256', lock);
  const detail = current ? 'those that the checkout names' : 'the checkout names others since they were installed';
  return [finding('packages', 'npm packages', detail, current ? undefined : 'vagrant provision')];
}

/** All of it together. */
async function testbed(): Promise<Finding> {
  try {
    await (await openTestbed()).close();
    return finding('testbed', 'a disposable host', 'it can be made');
  } catch (error) {
    return finding('testbed', 'a disposable host', (error as Error).message, vmHint);
  }
}

function children(directory: string): string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function succeeds(program: string, args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
