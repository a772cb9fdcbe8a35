// Files that are there whole or not at all, whoever looks and whenever we are killed.
import fs from 'node:fs';
import path from 'node:path';

/** A file that is being written. Without `commit` it never was. */
export type AtomicFile = Disposable & { write(text: string): void; commit(): void };

/** Begins a file, in the place of one that may be there. */
export function openAtomicFile(file: string): AtomicFile {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  const descriptor = fs.openSync(temporary, 'w', 0o644);
  let open = true;
  const close = (): void => {
    if (open) fs.closeSync(descriptor);
    open = false;
  };
  return {
    write(text) {
      fs.writeFileSync(descriptor, text);
    },
    commit() {
      close();
      fs.renameSync(temporary, file);
    },
    [Symbol.dispose]() {
      close();
      fs.rmSync(temporary, { force: true });
    },
  };
}

/** Writes a whole file, with the folders above it. */
export function writeAtomically(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  using atomic = openAtomicFile(file);
  atomic.write(text);
  atomic.commit();
}
