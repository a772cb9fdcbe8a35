// `clean`, on a disposable host on which containers were left by a runtime that was killed.
import { describe, expect, test } from 'vitest';
import { workshopRoot } from '../../workshop/paths.ts';
import { run } from './command.ts';

const clean = `${process.execPath} ${workshopRoot}/workshop/cli/start.mjs clean`;

/** Runs a script on a host of its own, on which `box run` is the solution of a level. */
async function onHost(level: string, script: string): Promise<string> {
  const ended = await run(['box', level, '--solution', 'host', `set -e\n${script}`]);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  // Where /run is no filesystem of its own, the records of this machine's other testbeds can be seen there.
  return ended.stdout
    .replaceAll(/^testbed .*\n/gm, '')
    .replaceAll(/^Removed: \d+\.$/gm, 'Removed.')
    .replace('--\nRemoved.\n--', '--\nThere was nothing to remove.\n--');
}

/** Starts a container, and kills its runtime with SIGKILL when the command runs. */
const killRuntime = `
box run -i busybox sh -c 'echo runs; exec sleep 1000' > /tmp/said &
until grep -q -s runs /tmp/said; do sleep 0.05; done
kill -KILL $!
wait $! 2> /dev/null || true
`;

/** What is not ours, of each kind. */
const bystanders = `
cgroup=$(echo /sys/fs/cgroup/pids /sys/fs/cgroup | tr ' ' '\n' | while read -r top; do [ ! -e "$top/cgroup.procs" ] || echo "$top"; done | head -1)
mkdir "$cgroup/mine"
mkdir -p /mnt/mine /var/lib/boxwright/images/mine
mount -t tmpfs mine /mnt/mine
sleep 1000 & mine=$!
`;
const bystandersAreThere = `
[ -d "$cgroup/mine" ] && [ -d /var/lib/boxwright/images/mine ] && mountpoint -q /mnt/mine && kill -0 $mine && echo others stay
rmdir "$cgroup/mine"
`;

describe('what is left of a container', () => {
  test('is shown, removed, and gone; what is not ours stays', async () => {
    const said = await onHost(
      'level-08',
      `${bystanders}${killRuntime}${clean} --dry-run; echo --; ${clean}; echo --; ${clean}
      echo --; ls $BOXWRIGHT_HOME/containers; find /sys/fs/cgroup -name boxwright; grep containers/ /proc/mounts || true
      ${bystandersAreThere}`,
    );
    const [shown, removed, again, left] = said.split('--\n');
    const lines = shown!.trimEnd().split('\n');
    expect(lines.some((line) => line.startsWith('cgroup /sys/fs/cgroup/'))).toBe(true);
    expect(lines.some((line) => line.startsWith('directory /var/lib/boxwright/containers/'))).toBe(true);
    expect(lines.at(-1)).toBe(`${lines.length - 1} to remove.`);
    expect(removed!.trimEnd().split('\n').slice(0, -1)).toEqual(lines.slice(0, -1));
    expect(again).toBe('There was nothing to remove.\n');
    expect(left).toBe('others stay\n');
  });

  test('also while it still runs', async () => {
    const said = await onHost(
      'level-09',
      `box run -i busybox sh -c 'echo runs; exec sleep 1000' > /tmp/said 2>&1 & runtime=$!
      until grep -q -s runs /tmp/said; do sleep 0.05; done
      ${clean} | grep -c '^process .*sleep 1000'
      wait $runtime || true
      ls $BOXWRIGHT_HOME/containers`,
    );
    expect(said).toBe('1\n');
  });

  test('and of its network: the bridge, the rules, and the switch of the host', async () => {
    const said = await onHost(
      'bonus-network',
      `nft add table ip mine
      ${killRuntime}cat /proc/sys/net/ipv4/ip_forward
      ${clean} | grep -E '^(network|nft|/proc)'
      echo --; ls /sys/class/net; nft list tables; cat /proc/sys/net/ipv4/ip_forward`,
    );
    expect(said).toMatch(
      /^1\nnetwork interface boxwright\nnft table ip boxwright\n\/proc\/sys\/net\/ipv4\/ip_forward = 1, which was 0\n--\nlo\ntable ip mine\n0\n$/,
    );
  });
});
