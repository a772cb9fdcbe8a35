// What must be true of level 05.
import { grade } from '#grading';
import { findCall, showCalls, showEnd } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/05-uts-namespace';
import type { Run } from '#grading/run';
import { companion, tour } from '#grading/tour';

const { scenario, check } = grade('05-uts-namespace', misconceptions);

const first = scenario(tour);
const second = scenario(companion);

/** What gives a process another hostname, or a namespace for it. */
const naming = ['unshare', 'clone', 'sethostname', 'setns'];

function namingCalls(run: Run): string[] {
  return showCalls(run.trace.filter(({ call }) => naming.includes(call)));
}

/** Whether a directory of the container has the hostname as its name; as with Docker, the first 12 characters will do. */
function isIdOf(hostname: string, run: Run, earlier: Run | undefined): boolean {
  const known = new Set((earlier?.during?.containers ?? []).map(({ path }) => path));
  const names = run
    .during!.containers.filter(({ path, type }) => type === 'directory' && !known.has(path))
    .flatMap(({ path }) => path.split('/').slice(0, 2));
  return names.some((name) => name === hostname || (hostname.length >= 12 && name.startsWith(hostname)));
}

/** The names in the folder of containers. */
function idsOf(run: Run): string[] {
  return [...new Set(run.during!.containers.map(({ path }) => path.split('/')[0]!))];
}

check('05.1', 'it has a UTS namespace of its own', {
  of: first,
  shownBy: 'readlink /proc/self/ns/uts; box run readlink /proc/self/ns/uts',
  why: 'The hostname belongs to a UTS namespace, and all processes in it have the same one. A container gets a namespace so that it can have a name without giving it to the host.',
  man: 'uts_namespaces(7)',
  holds(run) {
    const expected = "a UTS namespace that is not the host's";
    const command = run.during?.commands[0];
    if (command === undefined) {
      return {
        expected,
        actual: `the command never ran: ${showEnd(run)}`,
        evidence: namingCalls(run),
        at: run.trace.find(({ errno }) => errno !== null),
      };
    }
    const host = run.during!.host.namespaces['uts'];
    if (command.namespaces['uts'] !== host) {
      const other = second.run?.during?.commands[0];
      if (other === undefined || other.namespaces['uts'] !== command.namespaces['uts']) return undefined;
      return { expected, actual: 'two containers share one', evidence: [`both: ${command.namespaces['uts']}`] };
    }
    return {
      expected,
      actual: 'the command is in the namespace of the host',
      evidence: [
        `/proc/${command.innerPid}/ns/uts -> ${command.namespaces['uts']}`,
        `/proc/1/ns/uts -> ${host}`,
        ...namingCalls(run),
        ...(run.after.hostname === run.before.hostname
          ? []
          : [`the host was called ${run.before.hostname}, and is called ${run.after.hostname} now`]),
      ],
      at: findCall(run, 'sethostname') ?? findCall(run, ['unshare', 'clone', 'fork']),
    };
  },
});

check('05.2', "its hostname is the container's id", {
  of: first,
  needs: ['05.1'],
  shownBy: 'box run uname -n; box run uname -n; ls $BOXWRIGHT_HOME/containers',
  why: 'A new UTS namespace begins with a copy of the name that was there. The id is the name that a container has anyway, and no two have the same one.',
  man: 'sethostname(2)',
  holds(run) {
    const { hostname } = run.during!;
    const expected = "the name of the container's directory in the folder of containers as its hostname";
    const evidence = [`hostname: ${JSON.stringify(hostname)}`, `containers: ${idsOf(run).join(', ')}`];
    const at = findCall(run, 'sethostname');
    const other = second.run?.during?.commands[0] === undefined ? null : second.run.during.hostname;
    if (hostname === run.before.hostname) {
      return {
        expected,
        actual: `it is still the host's: ${hostname}`,
        evidence: [...evidence, ...namingCalls(run)],
        at: at ?? findCall(run, ['unshare', 'clone']),
      };
    }
    if (hostname === other) {
      return {
        expected,
        actual: `two containers have the same hostname: ${hostname}`,
        evidence: [...evidence, ...namingCalls(run)],
        at,
      };
    }
    if (!isIdOf(hostname, run, undefined)) {
      return {
        expected,
        actual: `it is ${JSON.stringify(hostname)}`,
        evidence: [...evidence, ...namingCalls(run)],
        at,
      };
    }
    if (other === null || isIdOf(other, second.run!, run)) return undefined;
    return {
      expected,
      actual: `that of a second container is ${JSON.stringify(other)}`,
      evidence: [`hostname: ${JSON.stringify(other)}`, `containers: ${idsOf(second.run!).join(', ')}`],
      at,
    };
  },
});

check('05.3', 'the host keeps its own hostname', {
  of: first,
  needs: ['05.1'],
  shownBy: 'uname -n; box run uname -n; uname -n',
  why: 'Programs on the host know each other by its name: logs, mail, a cluster. It must stay what it is, also for a moment.',
  man: 'sethostname(2)',
  holds(run) {
    const own = run.before.hostname;
    const looks: [string, string | undefined][] = [
      ['before', own],
      ['while a container ran', run.during?.host.hostname],
      ['while a second one ran', second.run?.during?.host.hostname],
      ['after the second one', second.run?.after.hostname],
      ['after the first one', run.after.hostname],
    ];
    const seen = looks.filter((look): look is [string, string] => look[1] !== undefined);
    const wrong = seen.filter(([, name]) => name !== own);
    if (wrong.length === 0) return undefined;
    return {
      expected: `${own}, as before, while containers run and afterwards`,
      actual: `the host was called ${JSON.stringify(wrong[0]![1])} ${wrong[0]![0]}`,
      evidence: [...seen.map(([when, name]) => `${when}: ${name}`), ...namingCalls(run)],
      at: findCall(run, 'sethostname') ?? findCall(second.run ?? run, 'sethostname'),
    };
  },
});
