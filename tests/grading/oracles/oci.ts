// A box.ts that leaves the container to a runtime of the Open Container Initiative: crun or runc.
import fs from 'node:fs';
import path from 'node:path';
import * as linux from '#linux';
import { box, type BoxOptions } from '#command-line';
import { enterOwnMounts, prepareDirectory, prepareRoot, type Prepared } from './root.ts';

/** What keeps the command from the kernel, as the runtime wants it described. */
export type Fences = {
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  seccomp?: object;
  maskedPaths: readonly string[];
  readonlyPaths: readonly string[];
};

/** What Docker leaves to root in a container. */
const usualCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
];

const withoutFences: Fences = {
  capabilities: usualCapabilities,
  noNewPrivileges: false,
  maskedPaths: [],
  readonlyPaths: [],
};

/** prctl(2): orphans below this process become its children, and it can wait for them. linux/prctl.h */
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Runs this box.ts with a runtime. As engines do it: the runtime makes the container and ends, and whoever started it
 * is left with the container's first process.
 */
export function boxWith(runtime: 'crun' | 'runc', fences: Fences = withoutFences): void {
  box((options) => {
    const place = prepareDirectory(options);
    const pidFile = `${place.directory}/pid`;
    linux.prctl(PR_SET_CHILD_SUBREAPER, 1);
    const made = ended(() => {
      const { directory, id, root } = prepareRoot(place);
      fs.writeFileSync(`${directory}/config.json`, JSON.stringify(bundle(options, { directory, id, root }, fences)));
      linux.execvp(runtime, [runtime, 'run', '--detach', '--bundle', directory, '--pid-file', pidFile, id]);
    });
    const container = path.basename(place.directory);
    const remove = (): number =>
      ended(() => {
        enterOwnMounts();
        linux.execvp(runtime, [runtime, 'delete', '--force', container]);
      });
    if (made !== 0) {
      remove();
      return made;
    }
    const first = Number(fs.readFileSync(pidFile, 'utf8'));
    // It may still be the child of a process of the runtime that has not quite ended: that one comes first.
    let last = linux.waitpid(-1);
    while (last.pid !== first) last = linux.waitpid(-1);
    const { exitCode, signal } = last;
    remove();
    return exitCode ?? 128 + signal!;
  });
}

/** Does it in a child, and waits for that. */
function ended(inChild: () => never): number {
  const pid = linux.fork();
  if (pid === 0) inChild();
  const { exitCode, signal } = linux.waitpid(pid);
  return exitCode ?? 128 + signal!;
}

/** The container as the runtime wants it described: https://github.com/opencontainers/runtime-spec */
function bundle(
  { command, env, user, cpuShares, memory, memorySwap }: BoxOptions,
  { id, root }: Prepared,
  { capabilities, noNewPrivileges, ...ofKernel }: Fences,
): object {
  const [uid, gid = uid] = (user ?? '0').split(':').map(Number);
  const sets = ['bounding', 'effective', 'permitted'].map((name) => [name, user === null ? capabilities : []]);
  const limits = memory === null ? {} : { memory: { limit: bytes(memory), swap: swap(memory, memorySwap) } };
  return {
    ociVersion: '1.0.2',
    root: { path: root },
    hostname: id,
    process: {
      terminal: false,
      user: { uid, gid },
      args: command,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      noNewPrivileges,
      capabilities: Object.fromEntries(sets) as Record<string, string[]>,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ],
    linux: {
      cgroupsPath: `/boxwright/${id}`,
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type })),
      resources: { ...limits, ...(cpuShares !== null && { cpu: { shares: cpuShares } }) },
      ...ofKernel,
    },
  };
}

function swap(memory: string, memorySwap: string | null): number {
  if (memorySwap === null) return 2 * bytes(memory);
  return memorySwap === '-1' ? -1 : bytes(memorySwap);
}

function bytes(typed: string): number {
  const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[typed.at(-1)!.toLowerCase()];
  return Number.parseInt(typed, 10) * (unit ?? 1);
}
