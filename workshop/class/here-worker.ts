// A worker that grades on this machine, in its testbeds: for submissions that are trusted not to attack the kernel.
//
// A testbed shows its program the machine's files. Not these, though: what was handed in, the results, and what the
// other workers have before them. They are whited out in the layers that its / is made of (testbed-init.sh).
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { needBusybox, notReady } from '../cli/command.ts';
import { fillCompileCache } from '../grading/compile-cache.ts';
import { type Grader, openGrader } from '../grading/grader.ts';
import type { GradeResult } from '../grading/result.ts';
import { hiddenVariable, NoTestbed, openTestbed, sweepTestbeds } from '../grading/testbed.ts';
import { numberedLevels, solutionFile } from '../levels.ts';
import { stagingFolder, stagingOf } from './staging.ts';
import { LevelStopped, type Worker } from './worker.ts';

/** Levels after which the grader's process is replaced: it keeps a little of each thread. */
const LEVELS_OF_A_GRADER = 50;

/**
 * Gets this machine ready for workers: removes testbeds that killed ones left, and builds the image where it is missing.
 *
 * @param yes builds it without asking
 * @throws NotReady where workers cannot grade here
 */
export async function readyHere(yes: boolean): Promise<void> {
  await sweepTestbeds();
  await needBusybox(yes);
  try {
    await (await openTestbed()).close();
  } catch (error) {
    if (error instanceof NoTestbed) throw notReady(error);
    throw error;
  }
  // For what every box.ts loads. Not for theirs: Node would read whatever they name in an import, as root, out here.
  await fillCompileCache(solutionFile(numberedLevels()[0]!));
}

/** Opens a worker. @param slot its number in this process */
export function openHereWorker(slot: number): Worker {
  const folder = stagingOf(String(slot));
  let terms = '';
  let grader: Grader | null = null;
  let graded = 0;
  let closed = false;

  async function closeGrader(): Promise<void> {
    const closing = grader;
    grader = null;
    graded = 0;
    await closing?.close();
  }

  async function forget(): Promise<void> {
    fs.rmSync(folder, { recursive: true, force: true });
  }

  return {
    async grade({ level, text, seed, seconds, check, hidden }) {
      if (closed) await new Promise(() => {});
      const env = {
        [hiddenVariable]: JSON.stringify([stagingFolder(), ...hidden]),
        BOXWRIGHT_TIME_LIMIT: String(check),
      };
      if (terms !== JSON.stringify(env)) await closeGrader();
      terms = JSON.stringify(env);
      const file = path.join(folder, 'levels', level.name, 'box.ts');
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
      grader ??= openGrader({ ownsTestbeds: true, env });
      const stop = new AbortController();
      try {
        // setTimeout knows no longer time than 24 days.
        const late = delay(Math.min(seconds * 1000, 2 ** 31 - 1), 'late' as const, { signal: stop.signal });
        late.catch(() => {});
        const result = await Promise.race([grader.grade({ level, target: 'file', file, seed }), late]);
        if (result === 'late') throw new LevelStopped(`it took longer than ${Math.round(seconds)} seconds`);
        graded += 1;
        if (graded >= LEVELS_OF_A_GRADER) await closeGrader();
        return asAtHome(result, folder);
      } catch (error) {
        await closeGrader();
        throw error;
      } finally {
        stop.abort();
        fs.rmSync(path.dirname(file), { recursive: true, force: true });
      }
    },
    forget,
    async [Symbol.asyncDispose]() {
      closed = true;
      await closeGrader();
      await forget();
    },
  };
}

/** The result with the paths that the student knows: `levels/05-uts-namespace/box.ts`. */
function asAtHome(result: GradeResult, folder: string): GradeResult {
  const text = JSON.stringify(result).replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, '');
  return JSON.parse(text) as GradeResult;
}
