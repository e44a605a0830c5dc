import type { Config } from '#backend/core/config'

const ACTIVITY_INTERVAL_MS = 60_000

/** How often the activity of a session is noted at most. */
export function activityIntervalMs({ SESSION_IDLE_SECONDS }: Config): number {
  return SESSION_IDLE_SECONDS === 0 ? ACTIVITY_INTERVAL_MS : Math.min(ACTIVITY_INTERVAL_MS, SESSION_IDLE_SECONDS * 250)
}

/**
 * The age of the last noted activity at which a session has gone idle; 0: never. The note may lag by an interval, so the
 * limit is that much later: nobody active is ever called idle.
 */
export function idleLimitSeconds(config: Config): number {
  const { SESSION_IDLE_SECONDS } = config
  return SESSION_IDLE_SECONDS === 0 ? 0 : SESSION_IDLE_SECONDS + activityIntervalMs(config) / 1000
}
