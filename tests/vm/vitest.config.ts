// npm run test:vm. One long story in one file: each test goes on where the one before it left the machine.
import path from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: path.join(import.meta.dirname, '..', '..'),
    include: ['tests/vm/*.vm.ts'],
    pool: 'forks',
    fileParallelism: false,
    bail: 1,
    reporters: ['verbose'],
    // Milliseconds; against hanging only: the machine is emulated.
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
  },
});
