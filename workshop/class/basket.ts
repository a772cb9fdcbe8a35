// What an entry is looked through for, and how far.

/** How much is taken from one entry. */
export const intakeLimits = {
  /** Bytes of an archive as it was handed in. */
  archive: 64 * 1024 ** 2,
  /** Bytes that an archive may come to while it is looked through. */
  unpacked: 256 * 1024 ** 2,
  /** Files and folders that are looked at. */
  files: 20_000,
  /** Folders within each other. */
  depth: 24,
  /** Bytes of a box.ts. The reference solutions have about a tenth of it. */
  box: 128 * 1024,
  /** Milliseconds for one entry. */
  time: 60_000,
} as const;

/** What an entry is looked through for. */
export type Basket = {
  /** Whether a file of this name is wanted. @throws Unusable where the name leads outside, or there are too many */
  wants(name: string): boolean;
  /** Takes a file that is wanted: its bytes, or in one sentence why it is of no use. */
  put(name: string, content: Uint8Array | string): void;
  /** Where it knows from which commit the files are, and when that was made. */
  from(commit: string, time: Date): void;
};

/** Why a box.ts is of no use that is larger than the limit; its bytes are not even read. */
export const tooLarge = `its box.ts is larger than ${intakeLimits.box / 1024} KiB`;
