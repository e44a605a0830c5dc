export interface TurnOptions {
  /** How much work runs at the same time. */
  at_once: number
  /** How much may wait. */
  queue_max?: number
  /** How long it may wait. */
  wait_ms?: number
  /** What is thrown when it may not. */
  full: () => Error
}

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** Runs work a few pieces at a time, the others in the order in which they came. */
export function createTurns({ at_once, queue_max = Number.POSITIVE_INFINITY, wait_ms, full }: TurnOptions): InTurn {
  let running = 0
  const waiting: (() => void)[] = []

  function wait(): Promise<void> {
    if (waiting.length >= queue_max) throw full()
    return new Promise((resolve, reject) => {
      let late: NodeJS.Timeout | undefined
      const begin = () => {
        clearTimeout(late)
        resolve()
      }
      waiting.push(begin)
      if (wait_ms === undefined) return
      late = setTimeout(() => {
        waiting.splice(waiting.indexOf(begin), 1)
        reject(full())
      }, wait_ms)
    })
  }

  return async (work) => {
    // The turn is handed over by the one that ends, so `running` stays as it is.
    if (running >= at_once) await wait()
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
