import { setTimeout as sleep } from 'node:timers/promises'
import type { Between } from '#backend/core/audit/shipper'

export interface ShipLoop {
  /** There is something to ship. */
  wake(): void
  /** Resolves once nothing is being shipped any more; what is left is left. */
  stop(): Promise<void>
}

const PAUSE_MS = 500
const PAUSE_MS_MAX = 5_000
/** Of the time that a batch took, for which the database is left to the requests before the next. */
const REST = 2
const REST_MS_MAX = 500

/** Ships again and again: soon after something was written, ever more seldom while it fails, of which `ship` tells. */
export function shipContinuously(ship: (between: Between) => Promise<void>): ShipLoop {
  const stopping = new AbortController()
  const { signal } = stopping
  let wake = () => {}
  let woken = false
  const running = run()

  const rest = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined)

  async function between({ took_ms, is_behind }: Parameters<Between>[0]): Promise<boolean> {
    if (!is_behind) await rest(Math.min(took_ms * REST, REST_MS_MAX))
    return !signal.aborted
  }

  async function run(): Promise<void> {
    let pause_ms = PAUSE_MS
    while (!signal.aborted) {
      if (!woken)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      woken = false
      await rest(pause_ms)
      if (signal.aborted) return
      try {
        await ship(between)
        pause_ms = PAUSE_MS
      } catch {
        pause_ms = Math.min(pause_ms * 2, PAUSE_MS_MAX)
        woken = true
      }
    }
  }

  return {
    wake() {
      woken = true
      wake()
    },
    async stop() {
      stopping.abort()
      wake()
      await running
    },
  }
}
