import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '#backend/core/host'
import { countUnderWay } from '#backend/core/plugin/process-registry'

const WAIT_MS = 10_000
const ASK_EVERY_MS = 25

/**
 * Resolves when no process answers a request or runs a task of a set older than `version` any more, or when the time is
 * up: whoever keeps a request open for longer keeps nothing from being changed.
 */
export async function waitForOldSets(
  { database, log }: Pick<Host, 'database' | 'log'>,
  version: number,
): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  for (;;) {
    const busy = await countUnderWay(database, version)
    if (busy === 0) return
    if (performance.now() > deadline) return log.warn({ version, busy }, 'requests of an older set of plugins go on')
    await sleep(ASK_EVERY_MS)
  }
}
