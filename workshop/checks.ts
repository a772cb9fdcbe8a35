// The checks of a grader, read from its text: for commands that want to list them without running anything.

/** A check's id and title. */
export type CheckName = { id: string; title: string };

/** The checks of a grader, in order. */
export function checksOf(grader: string): CheckName[] {
  const calls = grader.matchAll(/^check\(\s*'([^']+)',\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)/gm);
  return [...calls].map(([, id, single, double, template]) => ({
    id: id!,
    title: (single ?? double ?? template)!.replaceAll(/\\(.)/g, '$1'),
  }));
}
