// Completion of the commands: in the shells themselves, on a terminal, as somebody types and presses Tab.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { findProgram } from '../../workshop/cli/command.ts';
import { numberedLevels } from '../../workshop/levels.ts';
import { workshopRoot } from '../../workshop/paths.ts';
import { openFolder, run } from './command.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const folder = path.join(workshopRoot, 'workshop/completion');

/** What may stand next behind `npm`; null where the workshop has nothing to say. */
async function candidates(words: readonly string[], cwd = workshopRoot): Promise<string[] | null> {
  const { exitCode, stdout } = await execa('sh', [path.join(folder, 'candidates.sh'), ...words], {
    cwd,
    reject: false,
  });
  return exitCode === 0 ? stdout.split('\n').map((line) => line.split('\t')[0]!) : null;
}

const { scripts } = JSON.parse(readFileSync(path.join(workshopRoot, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const levels = numberedLevels();
const spoken = levels.map(({ number }) => `level-${number}`);

describe('what may stand next', () => {
  test.for<{ words: string[]; next: string[] | null }>([
    { words: ['run', 'check', ''], next: spoken },
    { words: ['-s', 'run', 'watch', 'l'], next: spoken },
    { words: ['run', 'demo', '0'], next: levels.map(({ number }) => number) },
    { words: ['run', 'diff', 'u'], next: levels.map(({ name }) => name.slice(3)) },
    { words: ['run', 'reset', '-'], next: ['--'] },
    { words: ['run', 'demo', '05', ''], next: ['--'] },
    { words: ['run', 'demo', '05', '--', ''], next: ['--mine', '--file', '--pause', '--auto'] },
    { words: ['run', 'demo', '--', '--'], next: ['--mine', '--file', '--pause', '--auto'] },
    { words: ['run', 'demo', '--', '--file', ''], next: [':files'] },
    { words: ['run', 'demo', '--', '--auto', ''], next: [''] },
    { words: ['run', 'demo', '--', '--auto', '5', '0'], next: levels.map(({ number }) => number) },
    { words: ['run', 'check', '--', '--junit', 'x'], next: [':files'] },
    { words: ['run', 'hint', 'uts-namespace', ''], next: ['05.1', '05.2', '05.3'] },
    { words: ['run', 'hint', '5', '05'], next: ['05.1', '05.2', '05.3'] },
    { words: ['run', 'box', ''], next: ['--'] },
    { words: ['run', 'box', '--', ''], next: spoken },
    { words: ['run', 'box', '--', '05', ''], next: ['run', 'host'] },
    { words: ['run', 'box', '--', '05', '--solution', ''], next: ['run', 'host'] },
    { words: ['run', 'box', '--', '05', 'run', '--image', ''], next: ['busybox', 'debian'] },
    { words: ['run', 'box', '--', '05', 'run', 'sh', '-'], next: [':files'] },
    { words: ['run', 'trace', '05', ''], next: ['--'] },
    { words: ['run', 'trace', '05', '--', ''], next: [':files'] },
    { words: ['run', 'grade', '--', ''], next: [':files'] },
    { words: ['run', 'grade', '--', 'folder', '--out', ''], next: [':files'] },
    { words: ['run', 'grade', '--', 'folder', '--level', ''], next: spoken },
    { words: ['run', 'grade', '--', 'folder', '--classroom', ''], next: [''] },
    { words: ['run', 'types', ''], next: null },
    { words: ['install', ''], next: null },
    { words: ['run', '--'], next: null },
    { words: [''], next: null },
  ])('$words', async ({ words, next }) => {
    expect(await candidates(words)).toEqual(next);
  });

  test('every script, and each option of those that are commands, as its help has them', async () => {
    const names = (await candidates(['run', '']))!;
    expect(names).toEqual(Object.keys(scripts));
    const { stderr } = await run([]);
    const commands = stderr
      .replace(/^.*There are /, '')
      .trim()
      .split(', ');
    for (const name of commands.filter((command) => command in scripts)) {
      const { stdout } = await run([name, '--help']);
      const options = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
      const next = await candidates(['run', name, '--', '--']);
      expect({ name, next: next!.filter((word) => word !== '') }).toEqual({ name, next: options });
    }
  });

  test('the options of box.ts', async () => {
    const { stdout } = await run(['box', '00', '--solution', 'run', '--help']);
    const options = [...stdout.matchAll(/^ {2}(?:-[a-z], )?(--[a-z-]+)/gm)].map(([, option]) => option);
    expect(options).toContain('--cpu-shares');
    expect(await candidates(['run', 'box', '--', '05', 'run', '--'])).toEqual(options);
  });

  test('elsewhere nothing, and in a folder of the checkout the same', async () => {
    using other = openFolder();
    writeFileSync(path.join(other.path, 'package.json'), '{\n  "name": "other",\n}\n');
    mkdirSync(path.join(other.path, 'below'));
    expect(await candidates(['run', 'check', ''], path.join(other.path, 'below'))).toBeNull();
    expect(await candidates(['run', 'check', ''], path.join(workshopRoot, 'levels'))).toEqual(spoken);
    expect(await candidates(['run', 'check', ''], '/')).toBeNull();
  });
});

/** How a shell is started without what somebody has set up for it, and what completes npm in it otherwise. */
const shells = {
  bash: {
    start: `PS1='$ ' exec bash --norc --noprofile`,
    other: `other() { COMPREPLY=(of-another); }; complete -F other npm`,
    source: `. workshop/completion/boxwright.bash`,
  },
  zsh: {
    start: `PS1='$ ' exec zsh -f`,
    other: `autoload -Uz compinit; compinit -i -D; other() { compadd of-another }; compdef other npm`,
    source: `. workshop/completion/boxwright.zsh`,
  },
  fish: {
    start: `exec fish --no-config -C 'function fish_prompt; echo "\\$ "; end; function fish_greeting; end'`,
    other: `complete -c npm -n 'not __fish_seen_subcommand_from run' -f -a of-another`,
    source: `source workshop/completion/boxwright.fish`,
  },
} as const;

describe.for(Object.entries(shells))('%s', ([name, { start, other, source }]) => {
  test.skipIf(!findProgram(name))('completes levels, options, checks, files, and leaves the rest to npm', async () => {
    using terminal = await openTerminal(120, 50);
    terminal.type(start);
    await terminal.shows(/^\$ *$/m);
    for (const line of [other, source]) terminal.type(line);
    terminal.type('echo sour""ced');
    await terminal.shows(/^sourced$/m);

    await completed(terminal, 'npm run dem', 'npm run demo');
    await completed(terminal, 'npm run check uts', 'npm run check uts-namespace');
    await completed(terminal, 'npm run check level-07', 'npm run check level-07');
    await completed(terminal, 'npm run demo level-05 -- --mi', 'npm run demo level-05 -- --mine');
    await completed(terminal, 'npm run check 05 -- --junit READ', 'npm run check 05 -- --junit README.md');
    await completed(terminal, 'npm run box -- 5 run -i b', 'npm run box -- 5 run -i busybox');
    await completed(terminal, 'npm run trace 05 ', 'npm run trace 05 --');
    await completed(terminal, 'npm of-a', 'npm of-another');

    terminal.press('C-l');
    terminal.press('npm run hint uts-namespace ');
    for (let tabs = 0; tabs < 3; tabs += 1) terminal.press('Tab');
    for (const id of [/05\.1/, /05\.2/, /05\.3/]) await terminal.shows(id);
    terminal.press('C-u');
  });
});

/** Types, presses Tab, and waits for the whole word with the space behind it, which fish leaves out after dashes. */
async function completed(terminal: Terminal, typed: string, whole: string): Promise<void> {
  terminal.press('C-u');
  terminal.press(typed);
  terminal.press('Tab');
  // The letter shows where the cursor has come to.
  terminal.press('X');
  const space = whole.endsWith('--') ? ' ?' : ' ';
  await terminal.shows(new RegExp(`^\\$ ${whole.replaceAll('.', '\\.')}${space}X`, 'm'));
  terminal.press('C-u');
}
