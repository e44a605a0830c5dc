import { LRUCache } from 'lru-cache'
import type { Log } from '#backend/core/log'

/** When sessions were last used: what the list of who is online and the idle limit go by. */
export interface Activity {
  /** Notes a request of a session. Writes at most once per interval and never delays the request. */
  note(session_uuid: string): void
  /** Resolves when nothing is being written. */
  settled(): Promise<void>
}

const SESSIONS_MAX = 50_000

export interface ActivityOptions {
  interval_ms: number
  log: Log
  write: (session_uuid: string) => Promise<void>
}

export function createActivity({ interval_ms, log, write }: ActivityOptions): Activity {
  const noted = new LRUCache<string, number>({ max: SESSIONS_MAX })
  const writing = new Set<Promise<void>>()
  return {
    note(session_uuid) {
      const now = performance.now()
      const last = noted.get(session_uuid)
      if (last !== undefined && now - last < interval_ms) return
      noted.set(session_uuid, now)
      const work = write(session_uuid)
        .catch((error: unknown) => log.warn({ err: error }, 'the activity of a session was not noted'))
        .finally(() => writing.delete(work))
      writing.add(work)
    },
    async settled() {
      await Promise.all(writing)
    },
  }
}
