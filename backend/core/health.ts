import { z } from 'zod'
import { Unavailable } from '#backend/common/errors'
import type { App } from '#backend/core/app'
import type { Host } from '#backend/core/host'
import type { Database } from '#backend/database/db'

const ANSWER_MS = 2_000
const Health = z.object({ status: z.literal('ok') })
const OK = { status: 'ok' } as const

/** For whoever starts, stops and balances processes: `/healthz` says that this one runs, `/readyz` that it can work. */
export async function health(app: App, { host }: { host: Host }): Promise<void> {
  const options = {
    config: { access: 'public' },
    // Asked every few seconds: not worth a line each.
    logLevel: 'warn',
    schema: { hide: true, response: { 200: Health } },
  } as const
  app.get('/healthz', options, async () => OK)
  app.get('/readyz', options, async () => {
    if (!(await isReachable(host.database))) throw new Unavailable('error.unavailable')
    return OK
  })
}

/** Whether the database answers within two seconds. */
export async function isReachable({ sql }: Database): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_MS)
  })
  const answer = sql`select 1`.then(
    () => true,
    () => false,
  )
  const result = await Promise.race([answer, late])
  clearTimeout(timer)
  return result
}
