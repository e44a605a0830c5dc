/** How long a process may serve without having looked at the set of plugins. */
export const LEASE_MS = 5_000
/** How long it may serve an older set than the newest: less than whoever made the newest waits for it. */
export const BEHIND_MS = 9_000

/** One look at the number of the newest set, at which this process also said which one it serves. */
export interface Look {
  /** By a clock that never goes back, in milliseconds: before it was asked for, and when the answer was there. */
  started: number
  completed: number
  /** null: none yet */
  own: number | null
  newest: number
}

export interface Standing {
  looked(look: Look): void
  /** Whether this process may answer requests. */
  mayServe(now: number): boolean
}

/**
 * The right to serve. Whoever changes the set waits for the processes that have said within the lease which set they
 * serve; so a process serves only while its lease holds. Having lost it, or never had it, it says which set it serves and
 * looks once more: a change that did not wait for it was made before, and is seen then.
 */
export function createStanding(): Standing {
  let looked_at = Number.NEGATIVE_INFINITY
  let current_at = Number.NEGATIVE_INFINITY
  let announced = false
  let trusted = false
  return {
    looked({ started, completed, own, newest }) {
      // From the earliest that the one before can have counted to the latest that this one does.
      const held = completed - looked_at < LEASE_MS
      const confirmed = held && announced
      const current = own === newest
      trusted = confirmed && (trusted || current)
      if (confirmed && current) current_at = started
      announced = own !== null
      looked_at = started
    },
    mayServe: (now) => trusted && now - looked_at < LEASE_MS && now - current_at < BEHIND_MS,
  }
}
