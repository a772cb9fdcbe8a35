// The commands of a lesson, with the output that the lesson shows for them.
//
// In a block ```console, a line that begins with "$ " is a command, and what follows is what it prints. In a block ```sh,
// each line is a command whose output is not shown; so is `npm run …` within a sentence. In an output, "…" stands for
// anything, and a line of its own for any lines. A reader sees every command, and can type it. A comment right before a
// block says which program it is that prints this, where it is not the reference solution:
//
//   <!-- run 01-chroot/no-chdir -->    that wrong program: what a student sees who has made this mistake
//   <!-- run with the code above before `WORDS` -->  the solution with the last block of ts put before its first line
//                                      that has these words
//   <!-- not run: REASON -->           the block is no matter of this test
import MarkdownIt from 'markdown-it';

/** A command, and what it must print; null where the lesson does not show it. */
export type LessonCommand = {
  /** Where it stands in the lesson, counted from 1. */
  line: number;
  command: string;
  /** The wrong program that is run in the student's place; null for the reference solution. */
  mistake: string | null;
  /** Code of the lesson that is put into the program, before the first line with these words. */
  added: { code: string; before: string } | null;
  output: string[] | null;
  /** Whether it stands within a sentence: then it may end as it likes, as long as the workshop understands it. */
  inline: boolean;
};

/** The program that prints what a block shows. */
type Printer = Pick<LessonCommand, 'mistake' | 'added'>;

const solution: Printer = { mistake: null, added: null };

/** The commands of a lesson, in order. @throws Error naming the line of a block that is not as above */
export function commandsOf(markdown: string): LessonCommand[] {
  const tokens = new MarkdownIt({ html: true }).parse(markdown, {});
  let code = '';
  return tokens.flatMap((token, index) => {
    if (token.type === 'inline') {
      // In the cell of a table the row knows where it is.
      const { map } = tokens.slice(0, index + 1).findLast((before) => before.map !== null)!;
      const line = map![0] + 1;
      const codes = token.children!.filter(
        ({ type, content }) => type === 'code_inline' && /^npm run .* /.test(content),
      );
      return codes.map(({ content }) => ({ ...plain(line, content), inline: true }));
    }
    const language = token.type === 'fence' ? token.info.trim() : '';
    if (language === 'ts') code = token.content;
    if (!['console', 'sh'].includes(language)) return [];
    const before = tokens[index - 1];
    const line = token.map![0] + 1;
    const note = before?.type === 'html_block' && /<!-- (not )?run/.test(before.content) ? before.content.trim() : null;
    if (note?.startsWith('<!-- not run: ') === true) return [];
    const printer = note === null ? solution : printerOf(note, code);
    if (printer === null) throw new Error(`line ${line}: the comment before this block cannot be understood: ${note}`);
    const lines = token.content.replace(/\n$/, '').split('\n');
    const commands =
      language === 'console'
        ? split(lines, line)
        : lines.filter((command) => command !== '' && !command.startsWith('#')).map((command) => plain(line, command));
    return commands.map((command) => ({ ...command, ...printer }));
  });
}

/** The program that a comment names; null where it cannot be understood. `code` is the last block of ts before it. */
function printerOf(note: string, code: string): Printer | null {
  const form = /^<!-- run (?:with the code above before `(?<words>[^`]+)`|(?<mistake>[\w-]+\/[\w-]+)) -->$/;
  const { words, mistake } = form.exec(note)?.groups ?? {};
  if (mistake !== undefined) return { mistake, added: null };
  return words === undefined ? null : { mistake: null, added: { code, before: words } };
}

function plain(line: number, command: string): LessonCommand {
  return { line, command, ...solution, output: null, inline: false };
}

function split(lines: string[], line: number): LessonCommand[] {
  const commands: LessonCommand[] = [];
  for (const [index, text] of lines.entries()) {
    if (text.startsWith('$ ')) {
      commands.push({ ...plain(line + 1 + index, text.slice(2)), output: [] });
      continue;
    }
    const last = commands.at(-1);
    if (last === undefined) throw new Error(`line ${line}: a block of console begins with a command: "$ …"`);
    last.output!.push(text);
  }
  return commands;
}

/** Whether what was printed is what the lesson shows. */
export function matches(shown: readonly string[], printed: string): boolean {
  const pattern = shown
    .map((line) =>
      line.trim() === '…' ? '(?:.*\\n)*?' : `${line.trimEnd().split('…').map(literally).join('.*')}[ \\t]*\\n`,
    )
    .join('');
  return new RegExp(`^${pattern}$`).test(printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`);
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
