// Who starts a level's box.ts on a testbed's host: root, or for a level that does without it, an ordinary user.
import { departureOf } from '../grading/departures.ts';
import { hindranceHere, settle, student } from '../grading/ordinary-user.ts';
import type { Testbed } from '../grading/testbed.ts';
import type { Level } from '../levels.ts';
import { NotReady } from './command.ts';

/** Somebody on a testbed's host. */
export type Starter = {
  /** The words that start a program as them. */
  become: string[];
  home: string;
  /** How a shell's prompt of theirs ends. */
  prompt: '#' | '$';
};

/** @throws NotReady where the level needs an ordinary user, and this machine does not let those make containers */
export function needStarter(level: Level): void {
  const hindrance = departureOf(level.number)?.ordinaryUser === true ? hindranceHere() : null;
  if (hindrance !== null) throw new NotReady(`${hindrance.why}: ${hindrance.mend}`);
}

/** Makes whoever starts `file`, the level's box.ts, ready on a testbed's host, and what the level needs there. */
export async function starterOn(testbed: Testbed, level: Level, file: string): Promise<Starter> {
  if (level.number === 'images') {
    // Not for the other levels: it takes a while to make them.
    const { imagesForStudents } = await import('../grading/example-images.ts');
    for (const [name, { text, mode }] of Object.entries(imagesForStudents())) testbed.writeFile(name, text, mode);
  }
  if (departureOf(level.number)?.ordinaryUser !== true) return { become: [], home: '/root', prompt: '#' };
  return { become: settle(testbed, file, student(file)), home: '/home/student', prompt: '$' };
}
