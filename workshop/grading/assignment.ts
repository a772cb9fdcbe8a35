// What a grader is at work on. The modules of its thread ask here.
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
  /** What all random choices follow from. */
  seed: string;
};

const key = 'boxwright assignment';
const AWAITED = 'awaited';

/** Threads that are started from now on wait for theirs: until it is set, nothing may be chosen by its seed. */
export function awaitAssignment(): void {
  setEnvironmentData(key, AWAITED);
}

export function setAssignment(assignment: Assignment): void {
  setEnvironmentData(key, assignment);
}

/** @throws Error where nothing is being graded */
export function assignment(): Assignment {
  const found = assignmentIfAny();
  if (found === undefined) throw new Error('nothing is being graded');
  return found;
}

/**
 * undefined where nothing is being graded: somebody looks at what the modules hold.
 *
 * @throws Error where it is awaited
 */
export function assignmentIfAny(): Assignment | undefined {
  const found = getEnvironmentData(key) as unknown as Assignment | typeof AWAITED | undefined;
  if (found === AWAITED) throw new Error('asked before it is known what is graded');
  return found;
}
