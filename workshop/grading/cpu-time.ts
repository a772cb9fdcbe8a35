// How long it is watched how two containers share a CPU.

/** CPU time in milliseconds: of a run's own processes, and of those that were there before. */
export type CpuTime = { own: number; others: number };

/** Milliseconds of CPU time of both together, at the first look and at the last one. */
const FIRST_LOOK = 400;
const LAST_LOOK = 3200;

/**
 * Says when enough CPU time has been shared out. Where the ratio is not yet as it should be, it waits for twice as much,
 * and so on: an emulated or a busy machine may stop for a while, and count all of that to whoever was running.
 *
 * @param ratio own to others, at least and at most; null where the first look is enough
 */
export function enoughOf(ratio: readonly [number, number] | null): (time: CpuTime) => boolean {
  let next = FIRST_LOOK;
  return ({ own, others }) => {
    if (own + others < next) return false;
    const look = next;
    next *= 2;
    return ratio === null || look >= LAST_LOOK || isBetween(ratio, { own, others });
  };
}

/** Whether the ratio of own to others lies between the two. */
export function isBetween([least, most]: readonly [number, number], { own, others }: CpuTime): boolean {
  return own > least * others && own < most * others;
}
