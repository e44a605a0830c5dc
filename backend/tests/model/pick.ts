export function pick<T>(from: readonly T[], number: number): T | undefined {
  return from[number % from.length]
}

/** As `pick`, for what an action has made sure of. */
export function take<T>(from: readonly T[], number: number): T {
  const taken = pick(from, number)
  if (taken === undefined) throw new Error('nothing to take from')
  return taken
}
