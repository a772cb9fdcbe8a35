// The road from the host into the virtual machine, with a Vagrant and an ssh of ours: they run here what they are told
// to run there. With real ones it is walked by `npm run test:vm`.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

const workshopRoot = path.join(import.meta.dirname, '..', '..');
const vagrant = `#!/bin/sh
echo "vagrant $*" >> "$FAKES/asked"
case $1 in
  --version) echo 'Vagrant 2.4.9' ;;
  ssh-config) [ -e "$FAKES/running" ] && echo 'Host default' ;;
  *) exit 9 ;;
esac
`;
const ssh = `#!/bin/sh
grep -q '^Host default' "$2" && [ -e "$FAKES/running" ] || exit 255
for command; do :; done
echo "$*" | grep -o -- '-L [^ ]*' >> "$FAKES/forwarded"
exec sh -c "$(printf '%s' "$command" | sed "s#/vagrant#$CHECKOUT#g")"
`;
const sudo = `#!/bin/sh
[ "$1" != boxwright-mount-packages ] || exit 0
exec "$@"
`;
/** A command that says what it was given, and ends as it is told. */
const check = `
import fs from 'node:fs';
const { BOXWRIGHT_WHERE, NO_COLOR } = process.env;
process.stdout.write(JSON.stringify({ words: process.argv.slice(2), BOXWRIGHT_WHERE, NO_COLOR, cwd: process.cwd() }));
process.exitCode = Number(fs.readFileSync('status', 'utf8'));
`;

let home: string;
let checkout: string;

function write(name: string, text: string): void {
  const file = path.join(home, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode: 0o755 });
}

/** Runs a command as on a host, with a machine for this checkout unless `where` says something else. */
function start(words: string[], environment: Record<string, string> = {}) {
  const node = path.join(workshopRoot, 'node_modules', '.bin');
  return execa('node', ['workshop/cli/start.mjs', ...words], {
    cwd: checkout,
    env: { PATH: `${home}/bin:${node}:/usr/bin:/bin`, FAKES: home, CHECKOUT: checkout, ...environment },
    extendEnv: false,
    reject: false,
    input: '',
  });
}

beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'boxwright-host-'));
  checkout = path.join(home, 'checkout');
  write('bin/vagrant', vagrant);
  write('bin/ssh', ssh);
  write('bin/sudo', sudo);
  write('bin/VBoxManage', '#!/bin/sh\n');
  write('checkout/workshop/cli/check.ts', check);
  write('checkout/workshop/cli/doctor.ts', check);
  write('checkout/workshop/cli/docs.ts', check);
  write('checkout/status', '0');
  write('running', '');
  write('checkout/.vagrant/machines/default/virtualbox/id', '1');
  write(
    'checkout/.vagrant/machines/default/virtualbox/synced_folders',
    JSON.stringify({ virtualbox: { '/vagrant': { guestpath: '/vagrant' } } }),
  );
  for (const file of ['start.mjs', 'where.mjs', 'virtual-machine.mjs', 'findings.mjs']) {
    fs.copyFileSync(path.join(workshopRoot, 'workshop', 'cli', file), path.join(checkout, 'workshop', 'cli', file));
  }
  for (const file of ['compile-cache.mjs', 'data-directory.mjs']) {
    fs.copyFileSync(path.join(workshopRoot, 'workshop', file), path.join(checkout, 'workshop', file));
  }
  fs.copyFileSync(path.join(workshopRoot, 'package.json'), path.join(checkout, 'package.json'));
  fs.symlinkSync(path.join(workshopRoot, 'node_modules'), path.join(checkout, 'node_modules'));
});

afterEach(() => fs.rmSync(home, { recursive: true }));

test('words, variables and the exit status come through, and the first line says where it runs', async () => {
  write('checkout/status', '7');
  const words = ['level-05', "it's", 'a  b', '$HOME', '*', ''];
  const result = await start(['check', ...words], { NO_COLOR: '1' });
  expect(JSON.parse(result.stdout)).toEqual({ words, BOXWRIGHT_WHERE: 'here', NO_COLOR: '1', cwd: checkout });
  expect(result.exitCode).toBe(7);
  expect(result.stderr).toBe('In the virtual machine:');
});

test.for([
  [['docs'], '-L 127.0.0.1:8484:127.0.0.1:8484\n'],
  [['docs', '--port', '9000'], '-L 127.0.0.1:9000:127.0.0.1:9000\n'],
  [['docs', '--port=9001'], '-L 127.0.0.1:9001:127.0.0.1:9001\n'],
  [['docs', '--build'], ''],
  [['check'], ''],
] as const)('%s: a port that it serves pages on is this one’s', async ([words, forwarded]) => {
  await start([...words], { BOXWRIGHT_WHERE: 'vm' });
  expect(fs.readFileSync(path.join(home, 'forwarded'), 'utf8')).toBe(forwarded);
});

test('docs on a port that nobody knows before', async () => {
  const result = await start(['docs', '--port', '0'], { BOXWRIGHT_WHERE: 'vm' });
  expect(result).toMatchObject({ exitCode: 2, stdout: '' });
  expect(result.stderr).toContain('name a port');
});

test('status 255 is the command’s own, where the machine answers', async () => {
  write('checkout/status', '255');
  expect((await start(['check'])).exitCode).toBe(255);
});

test('Vagrant is asked once for the way into the machine, and again when that is wrong', async () => {
  await start(['check']);
  await start(['check']);
  expect(fs.readFileSync(path.join(home, 'asked'), 'utf8')).toBe('vagrant ssh-config\n');
  write('checkout/.vagrant/machines/default/virtualbox/boxwright-ssh-config', 'Host elsewhere\n');
  expect((await start(['check'])).exitCode).toBe(0);
});

test('a machine that does not run is status 3, and the command that starts it', async () => {
  fs.rmSync(path.join(home, 'running'));
  const result = await start(['check']);
  expect(result.exitCode).toBe(3);
  expect(result.stderr).toContain('start it with "vagrant up"');
  expect(result.stdout).toBe('');
});

test('without Vagrant the road into the machine is status 3', async () => {
  fs.rmSync(path.join(home, 'bin/vagrant'));
  const result = await start(['check'], { BOXWRIGHT_WHERE: 'vm', PATH: path.dirname(process.execPath) });
  expect(result.exitCode).toBe(3);
  expect(result.stderr).toContain('docs/vm.md');
});

test('files of the checkout are named as the machine sees them; others are status 2', async () => {
  const inside = await start(['check', '5', '--file', path.join(checkout, 'mine/box.ts'), '--junit=out.xml']);
  expect(JSON.parse(inside.stdout).words).toEqual(['5', '--file', 'mine/box.ts', '--junit=out.xml']);
  const outside = await start(['check', '5', '--file', '/etc/hostname']);
  expect(outside.exitCode).toBe(2);
  expect(outside.stderr).toContain('/etc/hostname');
});

test('BOXWRIGHT_WHERE decides, and other values than vm and here are status 2', async () => {
  const here = await start(['check', 'word'], { BOXWRIGHT_WHERE: 'here' });
  expect(JSON.parse(here.stdout).words).toEqual(['word']);
  expect(here.stderr).toBe('');
  expect((await start(['check'], { BOXWRIGHT_WHERE: 'there' })).exitCode).toBe(2);
});

test('root without a machine for this checkout runs here', async () => {
  fs.rmSync(path.join(checkout, '.vagrant'), { recursive: true });
  const result = await start(['check']);
  expect(result.stderr).toBe('');
  expect(result.exitCode).toBe(0);
});

test('doctor says what the host lacks, and hands what it found to the machine', async () => {
  expect(JSON.parse((await start(['doctor', '--json'])).stdout).words).toEqual(['--json']);
  fs.rmSync(path.join(home, 'running'));
  const result = await start(['doctor', '--json']);
  expect(result.exitCode).toBe(3);
  const { ready, findings } = JSON.parse(result.stdout);
  expect(ready).toBe(false);
  expect(findings.map(({ id, missing }: { id: string; missing: boolean }) => [id, missing])).toEqual([
    ['vagrant', false],
    ['provider', false],
    ['machine', true],
  ]);
  expect(findings[2].mend).toBe('vagrant up');
});
