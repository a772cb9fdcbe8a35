// What a program wrote, in a form that can be shown.

/** Text without control characters, which would draw over a report and are no XML; bytes that are no text as dots. */
export function printable(text: string): string {
  if (text.includes('\uFFFD')) return text.replaceAll(/[^\n\x20-\x7E]/gu, '.');
  return text
    .replaceAll('\t', ' ')
    .replaceAll(/[^\n\P{C}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
