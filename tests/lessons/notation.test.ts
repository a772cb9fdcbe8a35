// How a lesson says what its commands print, and by which program.
import { expect, test } from 'vitest';
import { commandsOf } from './commands.ts';

const block = '```console\n$ npm run -s box -- level-01 run ls\nbin\n…\n$ true\n```\n';

test('the commands of a block are those that a reader sees', () => {
  expect(commandsOf(block)).toMatchObject([
    { line: 2, command: 'npm run -s box -- level-01 run ls', output: ['bin', '…'], mistake: null, added: null },
    { line: 5, command: 'true', output: [] },
  ]);
});

test('a comment names the program that prints this', () => {
  const [wrong] = commandsOf(`<!-- run 01-chroot/no-chdir -->\n\n${block}`);
  expect(wrong).toMatchObject({ line: 4, mistake: '01-chroot/no-chdir', added: null });
  const [more] = commandsOf(
    `\`\`\`ts\nescape();\n\`\`\`\n\n<!-- run with the code above before \`become(\` -->\n\n${block}`,
  );
  expect(more).toMatchObject({ mistake: null, added: { code: 'escape();\n', before: 'become(' } });
});

test('a block that needs what is not here is left out', () => {
  expect(commandsOf(`<!-- not run: needs the internet -->\n\n${block}`)).toEqual([]);
});

test.for([
  { what: 'a command that no reader sees', markdown: `<!-- run: ls / -->\n\n${block}`, says: 'cannot be understood' },
  { what: 'output without its command', markdown: '```console\nbin\n```\n', says: 'begins with a command' },
])('$what is refused', ({ markdown, says }) => {
  expect(() => commandsOf(markdown)).toThrow(says);
});
