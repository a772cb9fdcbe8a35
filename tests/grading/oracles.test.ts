// Runtimes that the world trusts, in a box.ts that leaves the container to them: no grader may fail one of them, but
// where it is known to do something else on purpose. A check that fails another time is wrong about Linux.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Grader, openGrader } from '../../workshop/grading/grader.ts';
import { findLevel } from '../../workshop/levels.ts';
import { ofThisTurn } from '../turns.ts';

/** A runtime, the levels whose subject it has to do with, and the checks that it fails or never comes to, with reasons. */
type Oracle = { name: string; levels: readonly string[]; differs: Readonly<Record<string, string>> };

const engine = 'the container of an engine is meant to outlive whoever started it';
const words = 'what the user types is read by the engine, before the runtime is called';
const oci = {
  levels: ['02', '03', '04', '05', '06', '07', '08', '09'],
  differs: {
    '00.6': 'it ends with status 1 where there is no such command',
    '06.4': engine,
    '08.3': words,
    '08.4': 'it is the engine that asks the cgroup why a container ended',
    '08.5': 'not reached, for it needs 08.4',
    '09.5': words,
    '09.6': engine,
  },
};
const fenced = {
  levels: ['bonus-fences'],
  differs: oci.differs,
};
const oracles: readonly Oracle[] = [
  {
    name: 'bwrap',
    // It has nothing to do with cgroups, and knows other users only in a user namespace.
    levels: ['02', '03', '04', '05', '06'],
    differs: {
      '00.2': 'bubblewrap itself stands between its caller and the command, and waits',
      '06.3': 'not reached, for it needs 00.2',
      '06.4': 'not reached, for it needs 00.2',
      '06.5': 'not reached, for it needs 00.2',
    },
  },
  {
    name: 'crun',
    ...oci,
    differs: {
      ...oci.differs,
      '04.7': 'it mounts the root again, without nodev, and trusts in the cgroup for devices',
    },
  },
  { name: 'runc', ...oci },
  { name: 'crun-fences', ...fenced },
  { name: 'runc-fences', ...fenced },
];

let grader: Grader;
beforeAll(() => {
  grader = openGrader();
});
afterAll(() => grader.close());

describe.for(oracles)('$name', ({ name, levels, differs }) => {
  const [runtime] = name.split('-') as [string];
  const missing = spawnSync(runtime, ['--version']).error !== undefined;

  // The last of its levels asks what all of them ask, but stops at the first check of an earlier level that fails.
  const last = levels.at(-1)!;
  test.for([...ofThisTurn(levels.slice(0, -1)), last])('is right about level %s', async (number, { skip }) => {
    if (missing) skip(`${runtime} is not installed: sh tests/install-packages.sh`);
    const file = path.join(import.meta.dirname, 'oracles', `${name}.ts`);
    const only = number === last ? undefined : 'own';
    const { checks } = await grader.grade({ level: findLevel(number)!, target: 'file', file, only });
    const wrong = checks.filter(({ id, status, title }) => {
      // What it says of earlier levels names the first of their checks that fails.
      const [, earlier = id] = / (\d\d\.\d) no longer passes/.exec(title) ?? [];
      return !(earlier in differs) && status !== 'passed' && !(id.endsWith('.0') && status === 'blocked');
    });
    expect(wrong).toEqual([]);
    // A difference that is gone must not hide a new one.
    const same = checks.filter(({ id, status }) => id in differs && status === 'passed').map(({ id }) => id);
    expect(same).toEqual([]);
  });
});
