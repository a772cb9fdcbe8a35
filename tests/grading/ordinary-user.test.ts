// The ordinary user of a testbed's host: nothing there makes more of them.
import { text } from 'node:stream/consumers';
import path from 'node:path';
import { expect, test } from 'vitest';
import { askedForRootOn, type OrdinaryUser, settle } from '../../workshop/grading/ordinary-user.ts';
import { openTestbed, systemPath, type Testbed } from '../../workshop/grading/testbed.ts';

const user: OrdinaryUser = {
  uid: 1234,
  gid: 2345,
  subordinate: { uids: { first: 300_000, count: 1000 }, gids: { first: 400_000, count: 2000 } },
};
const file = path.join(import.meta.dirname, '../../solutions/bonus-rootless/box.ts');

/** What a shell script of that user prints. */
async function said(testbed: Testbed, script: string, groups: readonly number[] = []): Promise<string[]> {
  const words = [...settle(testbed, file, user, groups), 'sh', '-c', script];
  const program = testbed.start(words, { cwd: '/', env: { PATH: systemPath } });
  program.stdin!.end();
  return (await text(program.stdout!)).trimEnd().split('\n');
}

test('has no capability, the groups that were asked for, and folders and subordinate ids of their own', async () => {
  await using testbed = await openTestbed();
  const script = `id -u; id -g; id -un; grep -E '^(Groups|CapEff|CapPrm)' /proc/self/status; grep $(id -un) /etc/subuid /etc/subgid;
    touch ~student/a /var/lib/boxwright/images/b /var/lib/boxwright/containers/c && echo made; head -c 2 ${file}; echo;
    touch /etc/mine 2> /dev/null || echo refused`;
  expect(await said(testbed, script, [4, 24])).toEqual([
    '1234',
    '2345',
    'student',
    'Groups:\t4 24 ',
    'CapPrm:\t0000000000000000',
    'CapEff:\t0000000000000000',
    '/etc/subuid:student:300000:1000',
    '/etc/subgid:student:400000:2000',
    'made',
    '//',
    'refused',
  ]);
});

test('no program makes root of them, and who tries is noted', async () => {
  await using testbed = await openTestbed();
  const script = `find $(echo ${systemPath} | tr : ' ') -xdev -type f -perm /6000 2> /dev/null | xargs -r -n 1 basename | sort -u;
    sudo -n id -u; su -c id; newuidmap 1 0 0 1 || echo not yours`;
  expect(await said(testbed, script)).toEqual(['newgidmap', 'newuidmap', 'not yours']);
  expect(askedForRootOn(testbed)).toEqual(['sudo -n id -u', 'su -c id']);
});
