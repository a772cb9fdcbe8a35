// Shows how far a run is, how fast it goes and how long it still takes, on stderr.
import cliProgress from 'cli-progress';
import { counted } from './counted.ts';

const BAR_COLUMNS = 24;
/** Milliseconds between two lines where stderr is no terminal. */
const BETWEEN_LINES = 30_000;

/** A view of one run; `using` takes it off the screen's last line. */
export type ProgressBar = Disposable & {
  /** One more student is done. */
  done(): void;
};

/** @param state what else there is to say, asked each time */
export function openProgressBar(
  total: number,
  already: number,
  state: () => string,
  stream: NodeJS.WriteStream = process.stderr,
): ProgressBar {
  const started = performance.now();
  let count = 0;
  const payload = (): { speed: string; left: string; state: string } => {
    const minutes = (performance.now() - started) / 60_000;
    const speed = count / minutes;
    const remaining = total - already - count;
    return {
      speed: count === 0 ? '?' : speed.toFixed(1),
      left: count === 0 ? '?' : durationText(remaining / speed),
      state: state() === '' ? '' : `  ${state()}`,
    };
  };
  if (!stream.isTTY) {
    let last = started;
    return {
      done() {
        count += 1;
        if (performance.now() - last < BETWEEN_LINES) return;
        last = performance.now();
        const { speed, left, state: more } = payload();
        stream.write(`${already + count}/${counted(total, 'student')}, ${speed} a minute, ${left} left${more}\n`);
      },
      [Symbol.dispose]() {},
    };
  }
  const bar = new cliProgress.SingleBar(
    {
      format: `[{bar}] {value}/${counted(total, 'student')}, {speed} a minute, {left} left{state}`,
      stream,
      barsize: BAR_COLUMNS,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, already, payload());
  const timer = setInterval(() => bar.update(already + count, payload()), 1000);
  return {
    done() {
      count += 1;
      bar.update(already + count, payload());
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      bar.stop();
    },
  };
}

/** `1 h 05 min`, `12 min`, `40 s`. */
export function durationText(minutes: number): string {
  if (minutes < 1) return `${Math.max(0, Math.round(minutes * 60))} s`;
  const whole = Math.round(minutes);
  if (whole < 60) return `${whole} min`;
  return `${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, '0')} min`;
}
