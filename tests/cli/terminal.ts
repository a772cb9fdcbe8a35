// A real terminal, with a shell in it, as a user has one: tmux's.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { workshopRoot } from '../../workshop/paths.ts';

/** The shell waits for a command; what a key showed may stand before it. */
export const prompt = /ready>\s*$/;

/** Seconds after which what is waited for counts as never coming; against hanging only. */
const PATIENCE = 60;

export type Terminal = Disposable & {
  /** Types text and Enter. */
  type(text: string): void;
  /** Presses a key, as tmux calls it: `C-c`. */
  press(key: string): void;
  /** Waits until the terminal shows it. Lines that were wrapped are whole again. */
  shows(what: RegExp): Promise<RegExpExecArray>;
  /** All that it shows and has shown. */
  text(options?: { colours: boolean }): string;
  /** Each row that it shows now. */
  screen(): string[];
};

/** Opens a terminal of that size. Its shell's prompt is `ready> `. */
export async function openTerminal(columns = 80, rows = 50): Promise<Terminal> {
  const socket = `boxwright-test-${randomUUID()}`;
  const tmux = (...words: string[]): string =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...words], { encoding: 'utf8' });
  tmux(
    'new-session',
    '-d',
    '-x',
    String(columns),
    '-y',
    String(rows),
    '-c',
    workshopRoot,
    `PS1='ready> ' exec env -u NO_COLOR -u FORCE_COLOR -u CI dash`,
  );
  const terminal: Terminal = {
    type(text) {
      tmux('send-keys', '-l', text);
      tmux('send-keys', 'Enter');
    },
    press(key) {
      tmux('send-keys', key);
    },
    async shows(what) {
      const limit = AbortSignal.timeout(PATIENCE * 1000);
      for (;;) {
        const found = what.exec(terminal.text());
        if (found !== null) return found;
        if (limit.aborted) throw new Error(`the terminal never showed ${what}, but:\n${terminal.text()}`);
        await delay(20);
      }
    },
    text({ colours } = { colours: false }) {
      return tmux('capture-pane', '-p', '-J', '-S', '-', ...(colours ? ['-e'] : []))
        .split('\n')
        .map((line) => line.trimEnd())
        .join('\n');
    },
    screen() {
      return tmux('capture-pane', '-p').replace(/\n$/, '').split('\n');
    },
    [Symbol.dispose]() {
      tmux('kill-server');
    },
  };
  await terminal.shows(prompt);
  return terminal;
}
