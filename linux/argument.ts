// The arguments of system calls, checked before the C library sees them: it would take a missing one for NULL,
// and half a number for a whole one. And as they are shown to people.

/** `value` if it is a string that C can hold. @throws TypeError naming the call and the parameter */
export function text(call: string, parameter: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new TypeError(`${call}: ${parameter} must be a string, and it is ${kind(value)}`);
  }
  if (value.includes('\0')) throw new TypeError(`${call}: ${parameter} contains a zero byte`);
  return value;
}

/** `value` if it is a string that C can hold, or null (NULL). @throws TypeError */
export function textOrNull(call: string, parameter: string, value: unknown): string | null {
  return value === null ? null : text(call, parameter, value);
}

/** `value` if it is a whole number from `from` to `to`. @throws TypeError naming the call and the parameter */
export function whole(call: string, parameter: string, value: unknown, from = -0x8000_0000, to = 0x7fff_ffff): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    const shown = typeof value === 'number' ? String(value) : kind(value);
    throw new TypeError(`${call}: ${parameter} must be a whole number from ${from} to ${to}, and it is ${shown}`);
  }
  return value;
}

/** Flags as the unsigned number they are in C: `|` in JavaScript makes a negative one of bit 31. @throws TypeError */
export function flagBits(call: string, parameter: string, value: unknown): number {
  return whole(call, parameter, value, -0x8000_0000, 0xffff_ffff) >>> 0;
}

/** A uid or gid. @throws TypeError */
export function id(call: string, parameter: string, value: unknown): number {
  // 0xffffffff is (uid_t) -1, which the kernel takes for "leave as it is".
  return whole(call, parameter, value, 0, 0xffff_fffe);
}

/** Characters that are shown of an entry of an argument list. */
const longest = 60;

/** An argument as a trace has it, for a person: the entries of a list (argv, envp) not longer than strace shows them. */
export function brief(shown: string): string {
  if (!shown.startsWith('[')) return shown;
  return shown.replaceAll(/"((?:[^"\\]|\\.)*)"/g, (entry, characters: string) =>
    characters.length <= longest ? entry : `"${characters.slice(0, longest).replace(/\\$/, '')}"...`,
  );
}

function kind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
}
