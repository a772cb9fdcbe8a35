// Shows how far a build is, on stderr: stdout may be somebody's JSON.

import cliProgress from 'cli-progress';
import type { BuildStep } from './build.ts';
import type { ImageName } from './image.ts';

const BAR_COLUMNS = 20;

/** A view of one build; `using` takes the bar off the screen's last line again. */
export interface ProgressView extends Disposable {
  show: (step: BuildStep) => void;
}

/** A bar where `stream` is a terminal, otherwise one line a step. */
export function openProgress(name: ImageName, stream: NodeJS.WriteStream = process.stderr): ProgressView {
  return stream.isTTY ? openBar(name, stream) : openLines(name, stream);
}

function openBar(name: ImageName, stream: NodeJS.WriteStream): ProgressView {
  const bar = new cliProgress.SingleBar(
    { format: `${name} [{bar}] {value}/{total} {label}`, stream, barsize: BAR_COLUMNS, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    show({ done, total, label }) {
      if (!started) bar.start(total, done, { label });
      started = true;
      bar.update(done, { label });
    },
    [Symbol.dispose]() {
      if (started) bar.stop();
    },
  };
}

function openLines(name: ImageName, stream: NodeJS.WriteStream): ProgressView {
  return {
    show({ done, total, label }) {
      const step = Math.min(done + 1, total);
      if (done < total) stream.write(`image ${name}, step ${step} of ${total}: ${label}\n`);
    },
    [Symbol.dispose]() {},
  };
}
