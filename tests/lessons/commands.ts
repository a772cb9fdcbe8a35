// The commands of a lesson, with the output that the lesson shows for them.
//
// In a block ```console, a line that begins with "$ " is a command, and what follows is what it prints. In a block ```sh,
// each line is a command whose output is not shown; so is `npm run …` within a sentence. In an output, "…" stands for
// anything, and a line of its own for any lines. A comment right before a block says what else there is to know:
//
//   <!-- run: COMMAND -->              the block is what COMMAND prints
//   <!-- run 01-chroot/no-chdir: … --> likewise, with that wrong program as the student's box.ts
//   <!-- run with the code above before `WORDS`: … --> likewise, with the last block of ts put before the first line
//                                      of the solution that has these words
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

const noteForm = /<!-- (not run|run)(?: ([\w-]+\/[\w-]+)| with the code above before `([^`]+)`)?: (.*) -->/;

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
    const note = before?.type === 'html_block' ? noteForm.exec(before.content) : null;
    if (before?.type === 'html_block' && /<!-- (not )?run/.test(before.content) && note === null) {
      throw new Error(`line ${line}: the comment before this block cannot be understood: ${before.content}`);
    }
    const lines = token.content.replace(/\n$/, '').split('\n');
    if (note?.[1] === 'not run') return [];
    if (note !== null) {
      const [, , mistake = null, words, command] = note;
      const added = words === undefined ? null : { code, before: words };
      return [{ ...plain(line, command!), mistake, added, output: lines }];
    }
    if (language === 'console') return split(lines, line);
    return lines.filter((command) => command !== '' && !command.startsWith('#')).map((command) => plain(line, command));
  });
}

function plain(line: number, command: string): LessonCommand {
  return { line, command, mistake: null, added: null, output: null, inline: false };
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
