// What vitest runs: the graders of the levels up to the one that is graded. In one module graph, so that what several
// of them want to see is run once.
import { inject } from 'vitest';
import { runPlanned } from './level.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Their files, in the order of the levels. */
    graders: string[];
  }
}

runPlanned();
for (const grader of inject('graders')) await import(grader);
