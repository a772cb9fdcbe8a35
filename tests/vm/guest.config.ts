// The tests inside a guest of run-in-guest.sh.
import path from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: path.join(import.meta.dirname, '..', '..'),
    include: ['tests/vm/*.guest.ts'],
    pool: 'forks',
    fileParallelism: false,
    reporters: ['verbose'],
    // Milliseconds; against hanging only: the machine is emulated.
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
