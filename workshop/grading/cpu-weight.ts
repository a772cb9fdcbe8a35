// How shares of cgroup v1 (2 to 262144, usually 1024) become a weight of v2 (1 to 10000, usually 100).

/** As runc converts them, before rounding up: https://github.com/opencontainers/runc/pull/4785 */
export function exactWeight(shares: number): number {
  const magnitude = Math.log2(shares);
  return 10 ** ((magnitude ** 2 + 125 * magnitude) / 612 - 7 / 34);
}

/** As it did until 2025: least and most become least and most, and 1024 becomes 39. */
export function linearWeight(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}
