// `box`, as somebody uses it at a terminal and in scripts.
import os from 'node:os';
import { describe, expect, test } from 'vitest';
import { run } from './command.ts';
import { openTerminal, prompt } from './terminal.ts';

const box = `${process.execPath} workshop/cli/start.mjs box`;

describe('in a script', () => {
  test.for([
    { command: ['true'], status: 0 },
    { command: ['sh', '-c', 'exit 42'], status: 42 },
    { command: ['sh', '-c', 'kill -TERM $$'], status: 143 },
    { command: ['no-such-command'], status: 127 },
    { command: ['/etc/passwd'], status: 126 },
  ])('$command: status $status comes through', async ({ command, status }) => {
    expect(await run(['box', '00', '--solution', 'run', ...command])).toMatchObject({ status, stdout: '' });
  });

  test('words, input and output arrive unchanged', async () => {
    const script = 'printf "[%s]" "$@"; cat; echo to-stderr >&2';
    const ended = await run(
      ['box', '01', '--solution', 'run', '-i', 'busybox', 'sh', '-c', script, 'sh', '', ' a  b', '*'],
      {
        input: 'typed\n',
      },
    );
    expect(ended).toEqual({ status: 0, signal: undefined, stdout: '[][ a  b][*]typed\n', stderr: 'to-stderr\n' });
  });

  test('options of the command are not ours', async () => {
    const ended = await run(['box', '00', '--solution', 'run', 'echo', '--help', '--solution', '-i', 'x']);
    expect(ended).toMatchObject({ status: 0, stdout: '--help --solution -i x\n' });
  });

  test('bonus-lifecycle has more words than run', async () => {
    const words = (...typed: string[]) => run(['box', 'bonus-lifecycle', '--solution', ...typed]);
    expect(await words('ps')).toEqual({ status: 0, signal: undefined, stdout: '', stderr: '' });
    const script =
      'id=$(box run -d sleep 1000); box exec $id echo --help; box stop --grace 0 $id; box ps; box rm $id; box ps';
    expect(await words('host', script)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^--help\nbox-\w+ +exited \((?:137|143)\) +sleep 1000\n$/),
      stderr: '',
    });
  });

  test('box.ts has the last word on wrong options', async () => {
    const ended = await run(['box', '00', '--solution', 'run', '--no-such-option', 'true']);
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toMatch(/--no-such-option/);
  });

  test('who types an option of a later level hears that it does nothing yet', async () => {
    const limited = ['run', '--memory', '64m', '--user', '1', 'echo', 'it ran'];
    expect(await run(['box', '08', '--solution', ...limited])).toMatchObject({
      status: 0,
      stdout: 'it ran\n',
      stderr: '--user does nothing in level 08 yet: it comes with level 09\n',
    });
    expect(await run(['box', '09', '--solution', ...limited])).toMatchObject({ status: 0, stderr: '' });
  });

  test('what it does to the host is gone afterwards', async () => {
    const name = os.hostname();
    const script = 'hostname renamed; echo x > /root/from-a-box; hostname';
    expect((await run(['box', '00', '--solution', 'run', 'sh', '-c', script])).stdout).toBe('renamed\n');
    expect(os.hostname()).toBe(name);
    expect((await run(['box', '00', '--solution', 'run', 'ls', '/root'])).stdout).not.toContain('from-a-box');
  });
});

describe('at a terminal', () => {
  test('Ctrl-C, Ctrl-Z and Ctrl-D are for the shell in it, and the terminal is as it was afterwards', async () => {
    using terminal = await openTerminal();
    terminal.type('echo "settings before: $(stty -g)"');
    const [, before] = await terminal.shows(/^settings before: (\S+)$/m);
    terminal.type(`${box} 01 --solution run -i busybox env PS1='inside> ' sh`);
    await terminal.shows(/^inside>/m);

    // A key is for the command once that is in the foreground, and so once it says something itself. The word is in two
    // parts, so that the line that is typed is not taken for what it prints.
    terminal.type(`sh -c 'echo run""ning; exec sleep 86395'`);
    await terminal.shows(/^running$/m);
    terminal.press('C-c');
    terminal.type('echo "interrupted"": $?"');
    await terminal.shows(/^interrupted: 130$/m);

    terminal.type(`sh -c 'echo aga""in; exec sleep 86394'`);
    await terminal.shows(/^again$/m);
    terminal.press('C-z');
    await terminal.shows(/Stopped/);
    terminal.type('kill -KILL %1; wait; echo "go""ne"');
    await terminal.shows(/^gone$/m);

    terminal.type('sh -c "exit 7"');
    await terminal.shows(/exit 7"\n[^>]*inside>\s*$/);
    terminal.press('C-d');
    await terminal.shows(prompt);
    terminal.type('echo "status"": $?"; echo "settings after: $(stty -g)"');
    const [, after] = await terminal.shows(/^settings after: (\S+)$/m);
    await terminal.shows(/^status: 7$/m);
    expect(after).toBe(before);
  });

  test('Ctrl-C ends a command that does not handle it, and its status says so', async () => {
    using terminal = await openTerminal();
    terminal.type(`${box} 00 --solution run sh -c 'echo run""ning; exec sleep 86393'`);
    await terminal.shows(/^running$/m);
    terminal.press('C-c');
    await terminal.shows(prompt);
    terminal.type('echo "status"": $?"');
    await terminal.shows(/^status: 130$/m);
  });

  test('run -t and exec -t: keys go to the inner terminal, and ours is as it was afterwards', async () => {
    using terminal = await openTerminal();
    terminal.type(`${box} bonus-lifecycle --solution host`);
    await terminal.shows(/:~#$/m);
    terminal.type('PS1="host> "; stty -g > /tmp/before; id=$(box run -d sleep 1000)');
    await terminal.shows(/^host>/m);
    for (const start of ['box run -t', 'box exec -t $id']) {
      const word = start.split(' ')[1]!;
      terminal.type(`${start} env PS1='${word}> ' sh`);
      await terminal.shows(new RegExp(`^${word}>`, 'm'));
      terminal.type(`tty; sh -c 'echo ${word}-run""ning; exec sleep 86392'`);
      await terminal.shows(new RegExp(`^/dev/pts/\\d+\n${word}-running$`, 'm'));
      terminal.press('C-c');
      terminal.type(`echo "${word}-interrupted"": $?"; exit 7`);
      await terminal.shows(new RegExp(`^${word}-interrupted: 130$`, 'm'));
      terminal.type(`echo "${word}-status"": $?"; stty -g | cmp - /tmp/before && echo "${word}-as ""before"`);
      await terminal.shows(new RegExp(`^${word}-status: 7\n${word}-as before$`, 'm'));
    }
  });
});
