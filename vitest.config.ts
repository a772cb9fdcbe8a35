// The workshop's own tests. The graders of levels are run by `npm run check`, with a configuration of its own.
import { defineConfig } from 'vitest/config';

/** They kill checks. Whatever check is next sweeps up after those and says so, which no other test expects. */
const killers = [
  'tests/grading/testbed.test.ts',
  'tests/cli/interrupt.test.ts',
  'tests/class/grade.test.ts',
  'tests/class/redis-queue.test.ts',
];

const all = {
  pool: 'forks',
  // Milliseconds; against hanging only. No test depends on the machine's speed.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 60_000 } },
} as const;

export default defineConfig({
  test: {
    globalSetup: ['tests/unchanged-machine.ts'],
    projects: [
      { test: { ...all, name: 'kills checks', include: killers, maxWorkers: 1, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...all,
          name: 'all others',
          include: ['tests/**/*.test.ts'],
          exclude: killers,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
