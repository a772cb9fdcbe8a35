// The workshop's own tests. The graders of levels are run by `npm run check`, with a configuration of its own.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/unchanged-machine.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Milliseconds; against hanging only. No test depends on the machine's speed.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
