// A container on a real terminal: job control, keys, the window's size, and what is left of the terminal afterwards.
import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { workshopRoot } from '../../workshop/paths.ts';

/** Milliseconds; against hanging only. */
const PATIENCE = 60_000;
const columns = 100;
const rows = 30;
const container = 'npm run -s box -- level-06 --solution run -i busybox -- /bin/sh';

/** A terminal with a shell on it, in which somebody types. */
class Terminal {
  readonly #server = `boxwright-${randomBytes(4).toString('hex')}`;

  async #tmux(...words: string[]): Promise<string> {
    return (await execa('tmux', ['-L', this.#server, '-f', '/dev/null', ...words])).stdout;
  }

  /** Opens it; the shell's prompt is "outer> ". */
  static async open(): Promise<Terminal> {
    const terminal = new Terminal();
    const size = ['-x', String(columns), '-y', String(rows)];
    const shell = `cd '${workshopRoot}' && PS1='outer> ' exec bash --norc --noprofile`;
    await terminal.#tmux('new-session', '-d', ...size, shell);
    await terminal.until(/^outer>$/m);
    return terminal;
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line);
    await this.#tmux('send-keys', 'Enter');
  }

  /** Presses a key: `C-c`. */
  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key);
  }

  /** Gives its window another size. */
  async resize(width: number, height: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(width), '-y', String(height));
  }

  /** Waits until the screen shows this, and returns the screen. */
  async until(shown: RegExp): Promise<string> {
    return vi.waitFor(
      async () => {
        const screen = await this.#tmux('capture-pane', '-p');
        expect(screen).toMatch(shown);
        return screen;
      },
      { timeout: PATIENCE, interval: 50 },
    );
  }

  /** Types a line and waits for this on a screen that was empty before. */
  async ask(line: string, shown: RegExp): Promise<string> {
    await this.#tmux('send-keys', '-R');
    await this.#tmux('clear-history');
    await this.type(line);
    return this.until(shown);
  }

  /** Starts a shell in a container, and waits for its prompt. */
  async enterContainer(): Promise<string> {
    await this.type(container);
    return this.until(/^.*:\/# *$/m);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server');
  }
}

/** The terminal's settings, and whether the shell that asks is in its foreground. */
async function stateOf(terminal: Terminal): Promise<string> {
  // A shell's own settings while it reads a line are not those that it leaves to programs.
  const screen = await terminal.ask('echo "[$(stty -g; ps -o stat= -p $$)]"', /^\[[\s\S]*\]$/m);
  return /^\[[\s\S]*\]$/m.exec(screen)![0].replaceAll(/\s/g, '');
}

test('the shell has job control: in the background, stopped, and back', async () => {
  await using terminal = await Terminal.open();
  expect(await terminal.enterContainer()).not.toMatch(/access tty|job control/);
  await terminal.ask('sleep 1000 &', /# *$/m);
  await terminal.ask('jobs', /^\[1\]\S* +Running +sleep 1000/m);
  await terminal.ask('fg', /^sleep 1000$/m);
  await terminal.press('C-z');
  await terminal.until(/\[1\]\S* +Stopped +sleep 1000/);
  await terminal.ask('bg; jobs', /^\[1\]\S* +Running +sleep 1000/m);
});

test('Ctrl-C ends the command and not the shell, Ctrl-D ends the shell', async () => {
  await using terminal = await Terminal.open();
  await terminal.enterContainer();
  await terminal.ask('echo started; sleep 1000', /^started$/m);
  await terminal.press('C-c');
  await terminal.ask('echo "it was $?, and I am $$"', /^it was 130, and I am 1$/m);
  // At the prompt it only begins a new line.
  await terminal.press('C-c');
  await terminal.until(/\^C\n.*# *$/m);
  await terminal.ask('echo reading; cat', /^reading$/m);
  await terminal.type('read by cat');
  await terminal.until(/^read by cat\nread by cat$/m);
  await terminal.press('C-d');
  await terminal.ask("echo between; sh -c 'exit 8'", /^between\n.*# *$/m);
  await terminal.press('C-d');
  await terminal.until(/^outer> *$/m);
  await terminal.ask('echo "status $?"', /^status 8$/m);
});

test('the size is that of the window, also when it changes', async () => {
  await using terminal = await Terminal.open();
  await terminal.enterContainer();
  await terminal.ask('stty size', new RegExp(`^${rows} ${columns}$`, 'm'));
  await terminal.ask('sh -c \'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.1; done\'', /^ready$/m);
  await terminal.resize(90, 25);
  await terminal.until(/^25 90$/m);
});

test('afterwards the terminal is as it was, whatever the command did to it', async () => {
  await using terminal = await Terminal.open();
  const before = await stateOf(terminal);
  expect(before).toContain('+');
  await terminal.enterContainer();
  // It is PID 1: only a signal from outside could end it before its time.
  await terminal.ask('stty -echo -icanon -isig; exit 42', /^outer> *$/m);
  // What is typed can be seen: echo is on.
  await terminal.ask('echo "status $?"', /^echo "status \$\?"\nstatus 42$/m);
  expect(await stateOf(terminal)).toBe(before);
});
