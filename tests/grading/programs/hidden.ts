// In a mount namespace of its own: opens a testbed from which folders are hidden, and prints what can be seen in it.
// What there is: hidden.ts FOLDER, with what is on the machine's own filesystem, and a filesystem that it mounts there.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { hiddenVariable, openTestbed, systemPath } from '../../../workshop/grading/testbed.ts';

const folder = process.argv[2]!;
const mounted = path.join(folder, 'mounted');
fs.mkdirSync(mounted);
execFileSync('mount', ['-t', 'tmpfs', 'mine', mounted]);
for (const top of [folder, mounted]) {
  for (const name of ['secret/a/own.ts', 'secret/a/other.ts', 'secret/b.ts', 'open.ts']) {
    fs.mkdirSync(path.dirname(path.join(top, name)), { recursive: true });
    fs.writeFileSync(path.join(top, name), `${name}\n`);
  }
}
process.env[hiddenVariable] = JSON.stringify([path.join(folder, 'secret'), path.join(mounted, 'secret')]);
await using testbed = await openTestbed([
  path.join(folder, 'secret/a/own.ts'),
  path.join(mounted, 'secret/a/own.ts'),
  path.join(mounted, 'open.ts'),
]);
const look = `find ${folder} -name '*.ts' | sort`;
// And what root can do about it.
const lift = `umount -l ${folder}/secret ${mounted}/secret; rm -rf ${folder}/secret; rm -rf /proc/1/fd/9/*`;
const script = `${look}; stat -c %a / /tmp; (${lift}) 2> /dev/null; umount -l ${mounted}; echo --; ${look}`;
const child = testbed.start(['sh', '-c', script], {
  cwd: '/',
  env: { PATH: systemPath },
});
process.stdout.write(await text(child.stdout!));
