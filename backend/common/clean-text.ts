/**
 * Text as a column of `max` characters can hold it: what PostgreSQL cannot store (NUL) and what is no character (half a
 * surrogate pair, also one that the cut leaves) becomes U+FFFD.
 */
export function cleanText(text: string, max: number): string {
  const cut = text.length > max ? text.slice(0, max) : text
  return SUSPECT.test(cut) ? cut.replaceAll('\0', '\uFFFD').toWellFormed() : cut
}

const SUSPECT = /[\0\ud800-\udfff]/
