// Three thousand submissions take no more memory than ten, but for the report's table.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openFolder } from '../cli/command.ts';

const MEGABYTE = 1024 ** 2;

async function mostMemory(count: number): Promise<number> {
  using folder = openFolder();
  const program = path.join(import.meta.dirname, 'programs', 'many.ts');
  // A heap that is small on purpose: what is only garbage says nothing.
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-semi-space-size=4',
    program,
    String(count),
    folder.path,
  ]);
  return Number(stdout);
}

test('memory from 10 to 3,000 submissions', async () => {
  const [few, many] = [await mostMemory(10), await mostMemory(3000)];
  // All that was handed in is 66 MB, and all results more than that.
  expect((many - few) / MEGABYTE).toBeLessThan(48);
});
