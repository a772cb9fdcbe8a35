// Shows how much of an image has come, on stderr.

import cliProgress from 'cli-progress';

const BAR_COLUMNS = 24;
const BYTES_PER_MB = 1_000_000;

/** A view of one pull; `using` takes the bar off the screen's last line again. */
export interface PullView extends Disposable {
  show: (done: number, total: number) => void;
}

/** A bar where `stream` is a terminal, otherwise a line at each tenth of the way. */
export function openPullView(name: string, stream: NodeJS.WriteStream = process.stderr): PullView {
  const megabytes = (bytes: number): string => (bytes / BYTES_PER_MB).toFixed(1);
  if (!stream.isTTY) {
    let last = -1;
    return {
      show(done, total) {
        const tenth = total === 0 ? 10 : Math.floor((10 * done) / total);
        if (tenth <= last) return;
        last = tenth;
        stream.write(`image ${name}: ${megabytes(done)} of ${megabytes(total)} MB\n`);
      },
      [Symbol.dispose]() {},
    };
  }
  const bar = new cliProgress.SingleBar(
    { format: `${name} [{bar}] {percentage}%  {here} of {all} MB`, stream, barsize: BAR_COLUMNS, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    show(done, total) {
      const payload = { here: megabytes(done), all: megabytes(total) };
      if (!started) bar.start(total, done, payload);
      started = true;
      bar.update(done, payload);
    },
    [Symbol.dispose]() {
      if (started) bar.stop();
    },
  };
}
