// npm run test:grade-vm: grading a class in virtual machines. About a quarter of an hour, emulated.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/vm/grade.machine.ts'],
    env: { BOXWRIGHT_GRADE_VM: 'emulated' },
    pool: 'forks',
    // Milliseconds; against hanging only.
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
  },
});
