const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Ctrl-C in a terminal reaches a program twice: from the terminal, and again from npm or tsx which pass theirs on.
 * A person who is losing patience takes longer.
 */
const IMPATIENT_MS = 500

/** Resolves at the first signal to stop; a later one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first_at: number | undefined
    for (const signal of SIGNALS)
      process.on(signal, () => {
        first_at ??= Date.now()
        if (Date.now() - first_at > IMPATIENT_MS) process.exit(1)
        resolve(signal)
      })
  })
}
