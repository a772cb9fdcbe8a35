// The name of a student as the name of a file: each has one of their own, whatever they called what they handed in.
import { createHash } from 'node:crypto';

/** Characters of such a name, at most; with an ending it still is a file's name everywhere. */
const LONGEST = 120;

/** A name of letters, digits and `._@+-`, which does not begin with a dot; others come as `%` and their bytes. */
export function safeName(student: string): string {
  const escaped = [...Buffer.from(student, 'utf8')]
    .map((byte, index) => {
      const letter = String.fromCharCode(byte);
      const plain = /[A-Za-z0-9_@+-]/.test(letter) || (letter === '.' && index > 0);
      return plain ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (escaped.length <= LONGEST) return escaped;
  return `${escaped.slice(0, LONGEST)}%${createHash('sha256').update(student).digest('hex').slice(0, 16)}`;
}
