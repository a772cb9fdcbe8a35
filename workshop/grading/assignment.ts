// What a grader is at work on. Its threads ask here; each of them was started after it had been set.
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

export type Assignment = {
  /** The box.ts to grade. */
  file: string;
  /** The name of the level. */
  level: string;
  /** The files of the graders, in the order of the levels. */
  graders: readonly string[];
  /** The checks that are asked, with those that they need: the level's own, or these ids; all where it is left out. */
  only?: 'own' | readonly string[] | undefined;
  /** Whether the checks are asked where the evidence is gathered, without vitest. */
  askedThere: boolean;
  /** What all random choices follow from. */
  seed: string;
};

const key = 'boxwright assignment';

export function setAssignment(assignment: Assignment): void {
  setEnvironmentData(key, assignment);
}

/** @throws Error where nothing is being graded */
export function assignment(): Assignment {
  const found = assignmentIfAny();
  if (found === undefined) throw new Error('nothing is being graded');
  return found;
}

/** undefined where nothing is being graded: somebody looks at what the modules hold. */
export function assignmentIfAny(): Assignment | undefined {
  return getEnvironmentData(key) as unknown as Assignment | undefined;
}
