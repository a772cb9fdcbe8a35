// Where a bonus level takes another way than the numbered levels on purpose, so that what they ask is not true of it.
/** What is different when an earlier level's checks are asked of a bonus level's program. */
export type Departure = {
  /** Checks (`09.1`) and whole levels (`07`) that it makes untrue, or takes the place of. Not asked. */
  untrue: readonly string[];
  /** What the report says beside "still passing". */
  note: string;
  /** Whether an ordinary user starts the program, rather than root. */
  ordinaryUser: boolean;
  /** Whether its program refuses limits, so that no run but its own asks for them. */
  withoutLimits: boolean;
};

/** By the number of the bonus level. */
const departures: Readonly<Record<string, Departure>> = {
  rootless: {
    ordinaryUser: true,
    // Cgroups belong to root. Who is who is counted in a user namespace, where the host sees other numbers.
    untrue: ['07', '08', '09.1', '09.2', '09.4', '09.5'],
    note: 'started by an ordinary user; what needs cgroups, or ids of the host, is left out',
    withoutLimits: true,
  },
};

/** How the level of this number departs; null where it does not. */
export function departureOf(number: string): Departure | null {
  return departures[number] ?? null;
}

/** Whether a check of an earlier level is not asked. */
export function isUntrue(departure: Departure | null, id: string): boolean {
  return departure?.untrue.some((one) => one === id || id.startsWith(`${one}.`)) ?? false;
}
