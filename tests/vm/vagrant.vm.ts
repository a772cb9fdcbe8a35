// The road of somebody with Vagrant, from `vagrant up` to `vagrant destroy`; runs inside lab.sh, see vagrant.sh.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { writeProgram } from '../grading/grader-pool.ts';
import { readMistake } from '../grading/mistakes.ts';

const workshopRoot = path.join(import.meta.dirname, '..', '..');
const lab = process.env['BOXWRIGHT_TEST_LAB'] ?? '';
const box = process.env['BOXWRIGHT_TEST_BOX'] ?? '';
const project = path.join(lab, 'boxwright');

/** As on a host on which nobody ran `npm ci`: the Node of the system. */
const hostPath = process.env['PATH']!.split(':')
  .filter((directory) => !directory.includes('node_modules'))
  .join(':');
const environment = { ...process.env, PATH: hostPath, BOXWRIGHT_TIME_LIMIT: '120' };

function run(program: string, ...args: string[]) {
  return execa(program, args, {
    cwd: project,
    env: environment,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
  });
}

async function vagrant(...args: string[]): Promise<string> {
  const result = await run('vagrant', ...args, '--no-color');
  expect(result.exitCode, result.all).toBe(0);
  return result.all;
}

async function inGuest(command: string): Promise<string> {
  const result = await run('vagrant', 'ssh', '--no-tty', '--command', command);
  expect(result.exitCode, result.all).toBe(0);
  return result.stdout;
}

/** Everything that provisioning makes, with times: of what is done again the time would differ. */
async function provisioned(): Promise<string> {
  const folders =
    '/opt/boxwright /usr/local /etc/boxwright /etc/systemd/system /etc/fstab /swapfile /var/lib/boxwright/images';
  const packages = await inGuest("dpkg-query --show --showformat='${Package} ${Version}\\n'");
  const files = await inGuest(`sudo find ${folders} -not -type l -printf '%p %T@ %s\\n' | sort`);
  return `${packages}\n${files}`;
}

beforeAll(async () => {
  fs.mkdirSync(project, { recursive: true });
  const { stdout } = await execa('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: workshopRoot,
  });
  for (const file of stdout.split('\0').filter((name) => name !== '' && fs.existsSync(path.join(workshopRoot, name)))) {
    fs.cpSync(path.join(workshopRoot, file), path.join(project, file), { recursive: true });
  }
  await vagrant('box', 'add', '--force', '--name', 'debian/trixie64', box);
});

afterAll(async () => {
  // After a failure, too; the lab would only end the machine's process.
  if (process.env['BOXWRIGHT_TEST_KEEP'] === undefined) await run('vagrant', 'destroy', '--force');
  else await run('vagrant', 'halt');
});

test('without a machine, a command says how to get one', async () => {
  const result = await run('env', 'BOXWRIGHT_WHERE=vm', 'npm', 'run', 'check', 'level-00');
  expect(result.exitCode, result.all).toBe(3);
  expect(result.stderr).toContain('vagrant up');
});

test('vagrant up makes a machine in which everything is ready', async () => {
  await vagrant('up');
  expect(await inGuest('stat --file-system --format %T /sys/fs/cgroup')).toBe('cgroup2fs');
  expect(await inGuest('cat /proc/swaps')).toContain('/swapfile');
  expect(await inGuest('findmnt --noheadings --output SOURCE /vagrant/node_modules')).toContain('/opt/boxwright');
  expect(fs.existsSync(path.join(project, 'node_modules'))).toBe(false);
});

test('from the host, every solution passes', async () => {
  const result = await run('npm', 'run', '--silent', 'check', '--', '--all', '--solution', '--json');
  expect(result.exitCode, result.all).toBe(0);
  const graded = JSON.parse(result.stdout) as { level: string; passed: boolean; cgroup: string }[];
  const numbered = fs.readdirSync(path.join(project, 'levels')).filter((name) => /^\d\d-/.test(name));
  expect(graded.map(({ level }) => level)).toEqual(numbered.sort());
  expect(graded.every(({ passed, cgroup }) => passed && cgroup === 'v2')).toBe(true);
  expect(result.stderr.split('\n')[0]).toBe('In the virtual machine:');
});

test('from the host, a skeleton fails with status 1, and wrong words with 2', async () => {
  const skeleton = await run('npm', 'run', 'check', 'level-01');
  expect(skeleton.exitCode, skeleton.all).toBe(1);
  expect(skeleton.stdout).toContain('hint');
  const wrong = await run('npm', 'run', 'check', 'level-77');
  expect(wrong.exitCode, wrong.all).toBe(2);
  const outside = await run('npm', 'run', 'check', 'level-00', '--', '--file', '/etc/hostname');
  expect(outside.exitCode, outside.all).toBe(2);
});

test.for(['07-cpu-cgroup/shares-copied', '08-memory-cgroup/sum-as-swap'])(
  'from the host, %s gets its diagnosis, which is one of cgroup v2',
  async (name) => {
    const mistake = readMistake(name);
    writeProgram(mistake, project);
    const file = `${path.basename(name)}.ts`;
    const result = await run('npm', 'run', '--silent', 'check', name.slice(0, 2), '--', '--file', file, '--json');
    expect(result.exitCode, result.all).toBe(1);
    const { checks } = JSON.parse(result.stdout) as GradeResult;
    const failed = checks.find(({ status }) => status === 'failed');
    expect(failed).toMatchObject({ id: mistake.fails, mistake: mistake.misconception, at: { line: mistake.line } });
  },
);

test('what is edited on the host is graded, and the progress comes back', async () => {
  const level = 'levels/00-fork-exec/box.ts';
  const skeleton = fs.readFileSync(path.join(project, level), 'utf8');
  fs.copyFileSync(path.join(project, 'solutions/00-fork-exec/box.ts'), path.join(project, level));
  const result = await run('npm', 'run', 'check', 'level-00', '--', '--junit', 'result.xml');
  fs.writeFileSync(path.join(project, level), skeleton);
  expect(result.exitCode, result.all).toBe(0);
  const progress = JSON.parse(fs.readFileSync(path.join(project, 'progress.json'), 'utf8')) as { levels: object };
  expect(Object.keys(progress.levels)).toContain('00-fork-exec');
  expect(fs.readFileSync(path.join(project, 'result.xml'), 'utf8')).toContain('<testsuite');
});

test('from the host, watch grades again what is saved on the host, and takes keys', async () => {
  const level = path.join(project, 'levels/00-fork-exec/box.ts');
  const skeleton = fs.readFileSync(level, 'utf8');
  // On a terminal, for there are keys only there.
  const command = 'node workshop/cli/start.mjs watch level-00 --plain';
  const watch = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: project,
    env: environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  watch.stdout.on('data', (text: Buffer) => (said += text.toString()));
  const says = (words: string) => expect.poll(() => said, { timeout: 900_000 }).toContain(words);
  await says('FAILED  00.1');
  fs.copyFileSync(path.join(project, 'solutions/00-fork-exec/box.ts'), level);
  await says('all 6 checks passed');
  said = '';
  fs.writeFileSync(level, skeleton);
  await says('FAILED  00.1');
  watch.stdin.write('h');
  await says('hint 1 of 3');
  watch.stdin.write('q');
  const [status] = (await once(watch, 'exit')) as [number | null];
  expect(status, said).toBe(0);
});

test('from the host, demo shows each step of the reference, and the grader checks it', async () => {
  const result = await run('npm', 'run', '--silent', 'demo', 'level-05');
  expect(result.exitCode, result.all).toBe(0);
  expect(result.stdout).toContain('sethostname(');
  expect(result.stdout).toContain('all 4 checks passed');
});

test("a runtime's words, input and exit status come through", async () => {
  const args = [
    'run',
    '--silent',
    'box',
    '--',
    'level-00',
    '--solution',
    'run',
    'sh',
    '-c',
    'cat; echo "a  b" $0; exit 7',
  ];
  const result = await execa('npm', [...args, "it's"], {
    cwd: project,
    env: environment,
    extendEnv: false,
    input: 'typed\n',
    reject: false,
  });
  expect(result.stdout).toBe("typed\na  b it's");
  expect(result.exitCode, result.stderr).toBe(7);
});

test('Ctrl-C on the host ends the check in the machine, and nothing of it stays there', async () => {
  // Without npm, which would end by the signal itself.
  const check = spawn('node', ['workshop/cli/start.mjs', 'check', 'level-00', '--solution'], {
    cwd: project,
    env: environment,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await expect.poll(() => inGuest('ls /run/boxwright/testbeds 2>/dev/null || true'), { timeout: 600_000 }).not.toBe('');
  // As a terminal does: to everyone in the foreground.
  process.kill(-check.pid!, 'SIGINT');
  const [status, signal] = (await once(check, 'exit')) as [number | null, string | null];
  expect([status, signal]).toEqual([130, null]);
  expect(await inGuest('find /sys/fs/cgroup -name "boxwright-testbeds" -o -path "*boxwright-testbeds/*"')).toBe('');
  expect(await inGuest('pgrep --full [t]estbed-init.sh || true')).toBe('');
});

test('vagrant provision again changes nothing', async () => {
  const before = await provisioned();
  await vagrant('provision');
  expect(await provisioned()).toBe(before);
});

test('after vagrant halt a command says what to do, and after vagrant up it works again', async () => {
  await vagrant('halt');
  const halted = await run('npm', 'run', 'check', 'level-00');
  expect(halted.exitCode, halted.all).toBe(3);
  expect(halted.stderr).toContain('vagrant up');
  await vagrant('up');
  const result = await run('npm', 'run', 'check', 'level-00', '--', '--solution');
  expect(result.exitCode, result.all).toBe(0);
});

test('vagrant destroy leaves nothing', async () => {
  await vagrant('destroy', '--force');
  expect((await run('virsh', '--connect', 'qemu:///system', 'list', '--all', '--name')).stdout.trim()).toBe('');
  const disks = (await run('virsh', '--connect', 'qemu:///system', 'vol-list', 'default')).stdout;
  expect(disks).not.toContain('boxwright_default');
  expect((await run('pgrep', '--list-full', 'qemu-system')).stdout).toBe('');
});
