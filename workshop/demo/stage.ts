// Where scenes are shown: a screen on which everything keeps its place, or text; and the keys that somebody presses.
import { emitKeypressEvents, type Key } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { CodeLine } from './code.ts';
import type { Scene } from './scene.ts';
import { screenOf, smallest } from './screen.ts';
import { sceneText } from './text.ts';

/** What somebody asks for: the next scene, the one before, the next new line, or the end. */
export type Wish = 'next' | 'back' | 'new' | 'quit';

export type Stage = Disposable & {
  /** Shows a scene until somebody wishes for something else, or the time is over. Without either, not at all long. */
  show(scene: Scene, code: readonly CodeLine[], isFirst: boolean): Promise<Wish>;
  /** Leaves the terminal as it was. */
  close(): void;
};

/** The other screen of a terminal, without a cursor. See console_codes(4). */
const enterScreen = '\u001B[?1049h\u001B[?25l';
const leaveScreen = '\u001B[?25h\u001B[?1049l';

const keysNamed = 'space: on   b: back   n: to what is new   q: quit';
const wishes: Readonly<Record<string, Wish>> = {
  space: 'next',
  return: 'next',
  right: 'next',
  b: 'back',
  left: 'back',
  n: 'new',
  q: 'quit',
};

/**
 * Takes the terminal, from the first scene on.
 *
 * @param isWatched whether there is a terminal on which somebody looks at each scene
 * @param hasKeys whether somebody can press keys
 * @param seconds after which a scene is over; null where only keys end it
 */
export function openStage({
  isWatched,
  hasKeys,
  seconds,
}: {
  isWatched: boolean;
  hasKeys: boolean;
  seconds: number | null;
}): Stage {
  /** Whether keys are taken; the other screen, and not text on this one; whether a line below the text names the keys. */
  let [listening, onScreen, hasPrompt] = [false, false, false];
  let redraw: (() => void) | null = null;
  let grant: ((wish: Wish) => void) | null = null;
  /** What was pressed while nothing was shown. */
  const pressed: Wish[] = [];
  /** Whether whoever read the text has gone, as head(1) does. */
  let isUnread = false;

  function onKey(_text: string, key: Key): void {
    // In raw mode it is no signal any more.
    if (key.ctrl && key.name === 'c') return void process.kill(process.pid, 'SIGINT');
    const wish = wishes[key.name ?? ''];
    if (wish === undefined) return;
    if (grant === null) pressed.push(wish);
    else grant(wish);
  }

  function listen(): void {
    if (listening || !hasKeys) return;
    listening = true;
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true);
    process.stdin.on('keypress', onKey);
    process.stdin.resume();
  }

  function leave(): void {
    if (onScreen) process.stdout.write(leaveScreen);
    if (hasPrompt) process.stdout.write('\r\u001B[K');
    [onScreen, hasPrompt] = [false, false];
  }

  function close(): void {
    leave();
    redraw = null;
    if (!listening) return;
    listening = false;
    process.stdin.off('keypress', onKey);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  function fits(): boolean {
    const { columns = 0, rows = 0 } = process.stdout;
    return isWatched && columns >= smallest.columns && rows >= smallest.rows;
  }

  function drawScreen(scene: Scene, code: readonly CodeLine[]): void {
    const { columns, rows } = process.stdout;
    if (!onScreen) leave();
    if (!onScreen) process.stdout.write(enterScreen);
    onScreen = true;
    const lines = screenOf(scene, code, { columns, rows }, hasKeys ? ` ${keysNamed}` : '');
    // Each line is overwritten where it stands, so nothing flickers.
    process.stdout.write('\u001B[H' + lines.map((line) => `${line}\u001B[K`).join('\r\n'));
  }

  function printText(scene: Scene, code: readonly CodeLine[], isFirst: boolean): void {
    leave();
    const columns = process.stdout.columns ?? smallest.columns;
    if (isWatched && isFirst) {
      const wanted = `From ${smallest.columns} columns and ${smallest.rows} rows on, everything has its place on the screen.`;
      process.stdout.write(`${wanted}\nThis terminal is smaller: what changes is told line by line.\n`);
    }
    // The whole picture is longer than such a terminal: the lines of the program would have left it.
    process.stdout.write(sceneText(scene, code, columns, isFirst && !isWatched));
    if (!hasKeys) return;
    process.stdout.write(keysNamed.slice(0, columns - 1));
    hasPrompt = true;
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, close);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isUnread = true;
  });
  process.stdout.on('resize', () => {
    if (fits() || onScreen) redraw?.();
  });

  return {
    async show(scene, code, isFirst) {
      listen();
      redraw = () => (fits() ? drawScreen(scene, code) : printText(scene, code, isFirst));
      redraw();
      if (!hasKeys) {
        if (seconds !== null) await delay(seconds * 1000);
        return isUnread ? 'quit' : 'next';
      }
      const waiting = pressed.shift();
      if (waiting !== undefined) return waiting;
      const { promise, resolve } = Promise.withResolvers<Wish>();
      grant = resolve;
      const clock = seconds === null ? undefined : setTimeout(() => resolve('next'), seconds * 1000);
      const wish = await promise;
      clearTimeout(clock);
      grant = null;
      return wish;
    },
    close,
    [Symbol.dispose]: close,
  };
}
