import { sql } from 'drizzle-orm'
import type { Ctx } from '#backend/core/ctx'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import type { Db } from '#backend/database/db'
import { within } from '#backend/utils/within'

// What a plugin does inside of a change of the set, whose lock everybody waits for meanwhile.

const LIMIT_MS = 10_000

/** Runs statements of a plugin, none of which may take longer than the limit. */
export async function withStatementLimit<T>(tx: Db, work: () => Promise<T>): Promise<T> {
  await tx.execute(sql`select set_config('statement_timeout', ${String(LIMIT_MS)}, true)`)
  const result = await work()
  // Where the work throws, the limit ends with the transaction.
  await tx.execute(sql`set local statement_timeout to default`)
  return result
}

/** Lets a plugin write the rows that it starts with. */
export async function sow(ctx: Ctx, { seed }: PluginDefinition): Promise<void> {
  if (seed === undefined) return
  // A seed that is given up may go on: its connection will be another's by then.
  const { proxy: db, revoke } = Proxy.revocable(ctx.db, {})
  try {
    await within(LIMIT_MS, seed({ ...ctx, db }), `its seed takes longer than ${LIMIT_MS / 1000} seconds`)
  } finally {
    revoke()
  }
}
