import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { removeExpired } from '#backend/app/admin/service/audit-retention.service'
import { verifyAll } from '#backend/app/admin/service/audit-verify.service'
import { record } from '#backend/core/audit/tests/audit.fixture'
import { systemCtx } from '#backend/core/host'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
let stream: string
beforeAll(async () => {
  t = await createTestApp({ AUDIT_RETENTION_DAYS: '30' })
  stream = t.host.audit?.stream ?? ''
})
afterAll(() => t.close())

const days_ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
async function recorded(...days: number[]): Promise<void> {
  for (const age of days) await t.host.audit?.append(record(String(age), { opera_time: days_ago(age) }))
  await t.host.audit?.ship()
}
beforeEach(() => recorded(1, 1, 1, 1, 1))

async function fault() {
  return (await verifyAll(systemCtx(t.host))).find((one) => one.stream === stream)?.fault
}
async function lastSeq(): Promise<number> {
  const [row] = await t.db.execute<{ seq: string }>(
    sql`select max(seq) as seq from sys_opera_log where stream = ${stream}`,
  )
  return Number(row?.seq)
}

describe('retention', () => {
  test('removes the old beginning of a stream, says so in the chain, and keeps what cannot be verified', async () => {
    const last = await lastSeq()
    const rows = sql`stream = ${stream} and seq <= ${last - 4}`
    const removed = await t.db.transaction(async (tx) => {
      await tx.execute(sql`update sys_opera_log set opera_time = opera_time - interval '31 days' where ${rows}`)
      return removeExpired({ ...systemCtx(t.host), db: tx })
    })
    // Made older behind the log's back, they are not what was recorded.
    expect(removed).toEqual([])
    expect(await lastSeq()).toBe(last)
    await t.db.execute(sql`update sys_opera_log set opera_time = opera_time + interval '31 days' where ${rows}`)
    expect(await fault()).toBeUndefined()
  })

  test('of records that are old indeed', async () => {
    const aged = await createTestApp({ AUDIT_RETENTION_DAYS: '30' })
    try {
      for (const days of [40, 35, 31, 29, 50, 1])
        await aged.host.audit?.append(record(String(days), { opera_time: days_ago(days) }))
      await aged.db.execute(sql`
        insert into sys_opera_log (trace_id, method, title, path, ip, status, code, cost_time, opera_time, created_time)
        values ('original', 'GET', 'x', '/x', '::1', 1, '200', 1, now() - interval '60 days', now())`)
      await aged.host.audit?.ship()
      const ctx = systemCtx(aged.host)
      expect(await removeExpired(ctx)).toEqual([
        { stream: aged.host.audit?.stream, up_to_seq: 3, count: 3 },
        { stream: null, up_to_seq: null, count: 1 },
      ])
      const left = await aged.db.execute<{ msg: string }>(sql`select msg from sys_opera_log order by seq`)
      expect(left.map(({ msg }) => msg)).toEqual(['29', '50', '1'])
      expect((await verifyAll(ctx))[0]).toMatchObject({ removed_count: 3, fault: undefined })
      expect(await removeExpired(ctx)).toEqual([])
      const tombstones = await aged.db.execute<{ action: string; removed_count: number }>(
        sql`select action, removed_count from sys_log_tombstone order by id`,
      )
      expect(tombstones.map(({ action, removed_count }) => [action, removed_count])).toEqual([
        ['retention', 3],
        ['retention', 1],
      ])
    } finally {
      await aged.close()
    }
  })

  test('removes nothing that was altered while it was verified', async () => {
    const aged = await createTestApp({ AUDIT_RETENTION_DAYS: '30' })
    try {
      for (const days of [40, 35, 31])
        await aged.host.audit?.append(record(String(days), { opera_time: days_ago(days) }))
      await aged.host.audit?.ship()
      let removing: ReturnType<typeof removeExpired> | undefined
      await aged.db.transaction(async (tx) => {
        await tx.execute(sql`update sys_opera_log set msg = 'altered' where seq = 2`)
        removing = removeExpired(systemCtx(aged.host))
        // It has verified what was there before, and waits for the row.
        const waiting = sql`select 1 from pg_locks where not granted`
        await expect.poll(async () => (await aged.db.execute(waiting)).length, { timeout: 10_000 }).toBeGreaterThan(0)
      })
      expect(await removing).toEqual([])
      expect(await aged.db.execute(sql`select seq from sys_opera_log`)).toHaveLength(3)
      expect((await verifyAll(systemCtx(aged.host)))[0]?.fault).toMatchObject({ seq: 2, kind: 'altered' })
      expect(await removeExpired(systemCtx(aged.host))).toEqual([])
    } finally {
      await aged.close()
    }
  })
})
