import { createHook } from 'node:async_hooks'

/** Counts timers, also those that keep no process alive (`unref`), which no list of open handles shows. */
export interface TimerCount {
  /** How many of those begun while it counted there are still. */
  alive(): number
  /** Counts no more that are begun; goes on to notice how those before end. */
  stop(): void
}

export function countTimers(): TimerCount {
  const alive = new Set<number>()
  let counts = true
  createHook({
    init(id, type) {
      if (counts && type === 'Timeout') alive.add(id)
    },
    destroy(id) {
      alive.delete(id)
    },
  }).enable()
  return {
    alive: () => alive.size,
    stop() {
      counts = false
    },
  }
}
