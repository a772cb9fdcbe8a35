// Before and after the whole suite: the machine's mounts, hostname, cgroups, processes and temporary files are the same.
import fs from 'node:fs';
import os from 'node:os';
import { runDirectory } from '../workshop/paths.ts';
import { cgroupHierarchies } from '../workshop/grading/cgroup-mounts.ts';

/** Things of a kind that are told. */
const SHOWN = 8;

/** Run by vitest before the suite; what it returns runs after it. @throws Error naming what differs */
export default function rememberMachine(): () => void {
  const before = machine();
  return () => {
    const after = machine();
    for (const [what, things] of Object.entries(after)) {
      const known = new Set(before[what as keyof typeof before]);
      const added = things.filter((thing) => !known.has(thing));
      const gone = [...known].filter((thing) => !things.includes(thing));
      if (added.length + gone.length > 0) {
        const shown = (list: string[]): string =>
          [
            ...list.slice(0, SHOWN).map((thing) => thing.replaceAll(/\s+/g, ' ').slice(0, 120)),
            ...(list.length > SHOWN ? [`${list.length - SHOWN} more`] : []),
          ].join('; ');
        throw new Error(`the tests changed this machine: ${what}: new: ${shown(added)}; gone: ${shown(gone)}`);
      }
    }
  };
}

function machine(): Record<'mounts' | 'hostname' | 'cgroups' | 'processes' | 'files', string[]> {
  return {
    mounts: fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n'),
    hostname: [os.hostname()],
    cgroups: cgroupHierarchies().flatMap(({ ownDirectory, mountPoint }) =>
      [ownDirectory, mountPoint].flatMap((directory) =>
        fs
          .readdirSync(directory)
          .filter((name) => name.includes('boxwright'))
          .map((name) => `${directory}/${name}`),
      ),
    ),
    processes: fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine)
      .filter((words) => /testbed-init|--v8-pool-size=0/.test(words)),
    files: [...listing(os.tmpdir()).filter((name) => /boxwright/i.test(name)), ...listing(runDirectory)],
  };
}

function commandLine(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function listing(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
