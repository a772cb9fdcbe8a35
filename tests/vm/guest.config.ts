// The tests inside a guest of run-in-guest.sh.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.guest.ts'],
    pool: 'forks',
    fileParallelism: false,
    reporters: ['verbose'],
    // Milliseconds; against hanging only: the machine is emulated.
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
