import type { Logger } from '#backend/core/log'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#backend/database/embedded-postgres'

export interface KeptPostgres {
  url: string
  /** Begins to look after it: should it go away, it is started again. */
  watch(isAlive: () => Promise<boolean>): void
  stop(): Promise<void>
}

const WATCH_MS = 2_000

/** The embedded PostgreSQL for as long as a server runs on it. */
export async function keepEmbeddedPostgres(data_dir: string, log: Logger): Promise<KeptPostgres> {
  const uses: EmbeddedPostgres[] = [await startEmbeddedPostgres({ data_dir, log })]
  let timer: NodeJS.Timeout | undefined
  let checking = Promise.resolve()

  async function check(isAlive: () => Promise<boolean>): Promise<void> {
    if (await isAlive()) return
    try {
      const use = await startEmbeddedPostgres({ data_dir, log })
      // It runs, so it was only slow to answer, or another process was quicker: the first use still stands.
      if (use.adopted) await use.stop()
      else uses.push(use)
      if (use.url !== uses[0]?.url) log.error('PostgreSQL is back on another port: restart this process')
    } catch (err) {
      log.error({ err }, 'PostgreSQL is away and cannot be started again yet')
    }
  }

  return {
    url: uses[0]?.url ?? '',
    watch(isAlive) {
      let busy = false
      timer = setInterval(() => {
        if (busy) return
        busy = true
        checking = check(isAlive).finally(() => {
          busy = false
        })
      }, WATCH_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await checking
      for (const use of uses) await use.stop()
    },
  }
}
