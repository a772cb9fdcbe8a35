// Every command in the handbook is run, and prints what the page shows: one disposable host a page, as a reader has it.
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { cgroupVersion } from '../../workshop/grading/cgroup-mounts.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { commandsOf, matches } from '../lessons/commands.ts';

const folder = path.join(workshopRoot, 'docs');
const { scripts } = JSON.parse(fs.readFileSync(path.join(workshopRoot, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const pages = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: fs.readFileSync(path.join(folder, name), 'utf8') }));
/** A line that no command of the handbook prints. */
const border = '-- command --';
/** What a reader's own pace gives a program in the background: the time to be at rest, however busy the machine is. */
const settled = `while ps -e -o pid=,stat=,comm= | awk -v self=$$ '
  $1 != self && $2 ~ /^[RD]/ && $3 !~ /^(ps|awk)$/ { busy = 1 } END { exit !busy }'; do sleep 0.1; done`;

// The pages about virtual machines show commands of another machine.
describe.for(pages.filter(({ name }) => !name.startsWith('vm')))('$name', ({ name, text }) => {
  const commands = commandsOf(text).filter(({ output }) => output !== null);

  // What the page about cgroups shows for v2 is marked as not run here.
  test.skipIf(commands.length === 0 || (name === 'cgroups.md' && cgroupVersion() !== 'v1'))(
    'its commands print what it shows',
    async () => {
      const script = commands
        .map(({ command }) => `echo '${border}'\n${command}${command.endsWith('&') ? `\n${settled}` : ''}`)
        .join('\n');
      const { stdout } = await execa(
        'npm',
        ['run', '-s', 'box', '--', 'level-00', '--solution', 'host', `exec 2>&1\n${script}`],
        {
          cwd: workshopRoot,
          stdin: 'ignore',
          reject: false,
          stripFinalNewline: false,
        },
      );
      const printed = stdout.split(`${border}\n`).slice(1);
      expect(printed.length).toBe(commands.length);
      for (const [index, { command, output, line }] of commands.entries()) {
        const lines = printed[index]!;
        if (!matches(output!, lines)) expect.soft(lines.split('\n'), `line ${line}: ${command}`).toEqual(output);
      }
    },
  );

  test('the commands of the workshop that it names are there', () => {
    const named = [...text.matchAll(/npm run (?:-s |--silent )?([\w:]+)/g)].map(([, script]) => script!);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});
