/** A menu may carry several codes, separated by commas. */
export function splitCodes(perms: string): string[] {
  return perms
    .split(',')
    .map((code) => code.trim())
    .filter((code) => code !== '')
}
