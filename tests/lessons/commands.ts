// The commands of a lesson, with the output that the lesson shows for them.
//
// In a block ```console, a line that begins with "$ " is a command, and what follows is what it prints; in a block ```sh,
// each line is a command whose output is not shown. In an output, "…" stands for anything, and a line of its own for any
// lines. A comment right before a block says what else there is to know:
//
//   <!-- run: COMMAND -->              the block is what COMMAND prints
//   <!-- run 01-chroot/no-chdir: … --> likewise, with that wrong program as the student's box.ts
//   <!-- not run: REASON -->           the block is no matter of this test
import MarkdownIt from 'markdown-it';

/** A command, and what it must print; null where the lesson does not show it. */
export type LessonCommand = {
  /** Where it stands in the lesson, counted from 1. */
  line: number;
  command: string;
  /** The wrong program that is run in the student's place; null for the reference solution. */
  mistake: string | null;
  output: string[] | null;
};

/** The commands of a lesson, in order. @throws Error naming the line of a block that is not as above */
export function commandsOf(markdown: string): LessonCommand[] {
  const tokens = new MarkdownIt({ html: true }).parse(markdown, {});
  return tokens.flatMap((token, index) => {
    if (token.type !== 'fence' || !['console', 'sh'].includes(token.info.trim())) return [];
    const before = tokens[index - 1];
    const note = before?.type === 'html_block' ? /<!-- (not run|run)( \S+)?: (.*) -->/.exec(before.content) : null;
    const line = token.map![0] + 1;
    const lines = token.content.replace(/\n$/, '').split('\n');
    if (note?.[1] === 'not run') return [];
    if (note?.[1] === 'run') {
      return [{ line, command: note[3]!, mistake: note[2]?.trim() ?? null, output: lines }];
    }
    if (token.info.trim() === 'sh') {
      return lines
        .filter((command) => command !== '' && !command.startsWith('#'))
        .map((command) => ({ line, command, mistake: null, output: null }));
    }
    return split(lines, line);
  });
}

function split(lines: string[], line: number): LessonCommand[] {
  const commands: LessonCommand[] = [];
  for (const [index, text] of lines.entries()) {
    if (text.startsWith('$ ')) {
      commands.push({ line: line + 1 + index, command: text.slice(2), mistake: null, output: [] });
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
