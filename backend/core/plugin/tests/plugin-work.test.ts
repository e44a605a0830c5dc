import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withTx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { sow, withStatementLimit } from '#backend/core/plugin/plugin-work'
import type { Db } from '#backend/database/db'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const one = sql`select 1 as one`
const limitOf = async (db: Db) => (await db.execute<{ statement_timeout: string }>(sql`show statement_timeout`))[0]

test('a seed writes in the transaction, and has no connection once it is over', async () => {
  let kept: Db | undefined
  await withTx(systemCtx(t.host), async (ctx) => {
    const seed = async (own: typeof ctx) => {
      kept = own.db
      const [id] = await own.db.execute(sql`select pg_current_xact_id()::text as id`)
      expect([id]).toEqual([...(await ctx.db.execute(sql`select pg_current_xact_id()::text as id`))])
      await withTx(own, async ({ db }) => expect(await db.transaction((tx) => tx.execute(one))).toHaveLength(1))
    }
    await sow(ctx, { seed })
    expect(() => kept?.execute(one)).toThrow('revoked')
    expect(await ctx.db.execute(one)).toHaveLength(1)
  })
})

test('the limit of statements holds for the work alone', async () => {
  await withTx(systemCtx(t.host), async ({ db }) => {
    const before = await limitOf(db)
    expect(await withStatementLimit(db, () => limitOf(db))).toEqual({ statement_timeout: '10s' })
    expect(await limitOf(db)).toEqual(before)
  })
})
