import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { removeNoted } from '#backend/app/admin/service/audit-removal.service'
import { verifyAll } from '#backend/app/admin/service/audit-verify.service'
import { systemCtx } from '#backend/core/host'
import type { Db } from '#backend/database/db'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
let stream: string
beforeAll(async () => {
  t = await createTestApp({ AUDIT_HASH_KEY: 'a key that is long enough' })
  root = await t.signInSuperuser()
  stream = t.host.audit?.stream ?? ''
})
afterAll(() => t.close())

/** Ten more records of all kinds, all of them in the table. */
beforeEach(async () => {
  for (let nr = 0; nr < 5; nr += 1) {
    await root.put('/sys/users/me/nickname', { nickname: `名字 "${nr}" \u{1F600}` })
    await root.get(`/sys/users?username=${nr}%00&x=1`)
  }
  await t.host.audit?.ship()
})

async function fault() {
  const reports = await verifyAll(systemCtx(t.host))
  return reports.find((one) => one.stream === stream)?.fault
}
async function lastSeq(db: Db = t.db): Promise<number> {
  const [row] = await db.execute<{ seq: string }>(
    sql`select max(seq) as seq from sys_opera_log where stream = ${stream}`,
  )
  return Number(row?.seq)
}
/** Does something to the table behind the log's back, verifies, and undoes it. */
async function whileTampered(...changes: ReturnType<typeof sql>[]) {
  let found: Awaited<ReturnType<typeof fault>>
  const undone = new Error('undone')
  await t.db
    .transaction(async (tx) => {
      for (const change of changes) await tx.execute(change)
      const ctx = { ...systemCtx(t.host), db: tx }
      found = (await verifyAll(ctx)).find((one) => one.fault !== undefined)?.fault
      throw undone
    })
    .catch((error: unknown) => {
      if (error !== undone) throw error
    })
  return found
}

describe('the chain of the operation log', () => {
  test('holds for records of every kind, whatever text is in them', async () => {
    const [report, ...others] = await verifyAll(systemCtx(t.host))
    expect(others).toEqual([])
    expect(report).toMatchObject({ stream, fault: undefined, removed_count: 0 })
    expect(report?.verified_count).toBe(await lastSeq())
  })

  test.each([
    ['one letter of a message', sql`set msg = 'x' || substr(msg, 2)`],
    ['the user', sql`set username = 'somebody'`],
    ['nobody instead of the user', sql`set username = null`],
    ['an argument', sql`set args = '{"json":{"nickname":"other"}}'`],
    ['a blank among the arguments', sql`set args = (args::text || ' ')::json`],
    ['what was changed', sql`set diff = null`],
    ['the outcome', sql`set status = 1 - status`],
    ['a millisecond', sql`set opera_time = opera_time + interval '1 millisecond'`],
    ['the duration', sql`set cost_time = cost_time + 0.001`],
    ['the hash', sql`set hash = reverse(hash)`],
  ])('names a record of which %s is altered', async (_, change) => {
    const seq = (await lastSeq()) - 3
    const [row] = await t.db.execute<{ id: string }>(
      sql`select id from sys_opera_log where stream = ${stream} and seq = ${seq}`,
    )
    const found = await whileTampered(sql`update sys_opera_log ${change} where stream = ${stream} and seq = ${seq}`)
    expect(found).toEqual({ stream, seq, id: Number(row?.id), kind: 'altered' })
  })

  test('names a record that is missing: in the middle, at the beginning, at the end, with all others', async () => {
    const last = await lastSeq()
    for (const seq of [1, last - 4, last])
      expect(
        await whileTampered(sql`delete from sys_opera_log where stream = ${stream} and seq = ${seq}`),
      ).toMatchObject({ seq, kind: 'missing' })
    expect(await whileTampered(sql`delete from sys_opera_log`)).toMatchObject({ seq: 1, kind: 'missing' })
    expect(await whileTampered(sql`delete from sys_audit_stream`)).toMatchObject({ kind: 'head removed' })
    expect(await whileTampered(sql`update sys_audit_stream set stored_seq = stored_seq - 1`)).toMatchObject({
      kind: 'head altered',
    })
  })

  test('names records that have changed places', async () => {
    const seq = (await lastSeq()) - 4
    const places = sql`
      update sys_opera_log o set seq = -p.seq, prev_hash = p.prev_hash, hash = p.hash from sys_opera_log p
      where o.stream = ${stream} and p.stream = o.stream and o.seq in (${seq}, ${seq + 1}) and p.seq in (${seq}, ${seq + 1}) and p.seq <> o.seq`
    const found = await whileTampered(sql`with moved as (${places} returning 1) select * from moved`)
    expect(found).toMatchObject({ seq, kind: 'missing' })
  })

  test('a record that was taken from another place is out of order, though right in itself', async () => {
    const seq = (await lastSeq()) - 4
    // The same number in a chain of another beginning: made by whoever holds the key.
    const { bodyOf, linkOf } = await import('#backend/core/audit/record')
    const { listAfter } = await import('#backend/app/admin/crud/audit-chain.crud')
    const [row] = await listAfter(t.db, stream, { seq, id: 0 }, 1)
    if (row === undefined) throw new Error('no such record')
    const forged = linkOf(bodyOf(row), seq, 'f'.repeat(64), t.host.shared.audit_key)
    const found = await whileTampered(
      sql`update sys_opera_log set prev_hash = ${forged.prev_hash}, hash = ${forged.hash} where stream = ${stream} and seq = ${seq}`,
    )
    expect(found).toMatchObject({ seq, kind: 'out of order' })
  })

  test('cannot be forged without the key', async () => {
    const ctx = systemCtx(t.host)
    const blind = { ...ctx, audit_key: 'another key of this length' }
    expect((await verifyAll(blind))[0]?.fault).toMatchObject({ seq: 1, kind: 'altered' })
  })

  test('a note of removal that was written without the key hides nothing', async () => {
    const last = await lastSeq()
    const rows = sql`from sys_opera_log where stream = ${stream} and seq = ${last - 2}`
    const note = (mac: string) => sql`
      insert into sys_audit_removal (stream, from_seq, to_seq, prev_hash, hash, reason, username, trace_id, created_time, mac)
      select stream, seq, seq, prev_hash, hash, 'delete', 'admin', 'x', now(), ${mac} ${rows}`
    for (const mac of ['', 'f'.repeat(64)])
      expect(await whileTampered(note(mac), sql`delete ${rows}`)).toMatchObject({ seq: last - 2, kind: 'missing' })
    // Nor one that the API has left, once it says something else.
    const [row] = await t.db.execute<{ id: string }>(sql`select id ${rows}`)
    expect((await root.delete('/logs/opera', { pks: [Number(row?.id)] })).status).toBe(200)
    await t.host.audit?.ship()
    expect(await fault()).toBeUndefined()
    const notes = sql`where stream = ${stream} and from_seq = ${last - 2}`
    for (const change of [
      sql`username = 'somebody'`,
      sql`to_seq = to_seq + 1`,
      sql`reason = 'retention'`,
      sql`created_time = created_time - interval '1 day'`,
    ])
      expect(await whileTampered(sql`update sys_audit_removal set ${change} ${notes}`)).toMatchObject({
        seq: last - 2,
        kind: 'missing',
      })
  })

  test('the end of a stream cannot be cut off, nor anything put behind it', async () => {
    const last = await lastSeq()
    const cut = sql`delete from sys_opera_log where stream = ${stream} and seq > ${last - 3}`
    const back = sql`
      update sys_audit_stream s set stored_seq = o.seq, stored_hash = o.hash from sys_opera_log o
      where s.stream = ${stream} and o.stream = s.stream and o.seq = ${last - 3}`
    expect(await whileTampered(cut, back)).toMatchObject({ seq: last - 3, kind: 'head altered' })
    const behind = sql`
      insert into sys_opera_log (stream, seq, prev_hash, hash, trace_id, method, title, path, ip, status, code, cost_time, opera_time, created_time)
      values (${stream}, ${last + 5}, '', '', 'x', 'GET', 'x', '/x', '::1', 1, '200', 1, now(), now())`
    expect(await whileTampered(behind)).toMatchObject({ seq: last + 5, kind: 'added' })
    for (const seq of [0, -7, null]) {
      const moved = sql`with row as (${behind} returning id) select id from row`
      expect(
        await whileTampered(
          moved,
          sql`update sys_opera_log set seq = ${seq} where stream = ${stream} and seq = ${last + 5}`,
        ),
      ).toMatchObject({ seq: seq ?? 0, kind: 'added' })
    }
  })

  test('a second record of a number is found also where a page of records ends with it', async () => {
    const seq = (await lastSeq()) - 3
    const twice = sql`
      insert into sys_opera_log (stream, seq, prev_hash, hash, trace_id, method, title, path, ip, status, code, cost_time, opera_time, created_time)
      values (${stream}, ${seq}, '', '', 'x', 'GET', 'x', '/x', '::1', 1, '200', 1, now(), now())`
    const index = sql`drop index ix_sys_opera_log_stream`
    expect(await whileTampered(index, twice)).toMatchObject({ seq, kind: 'added' })
    const { listAfter } = await import('#backend/app/admin/crud/audit-chain.crud')
    const undone = new Error('undone')
    const pages: number[] = []
    const paging = t.db.transaction(async (tx) => {
      await tx.execute(index)
      await tx.execute(twice)
      for (let last = { seq, id: 0 }; pages.length < 3; ) {
        const [row] = await listAfter(tx, stream, last, 1)
        if (row === undefined) break
        pages.push(row.seq)
        last = row
      }
      throw undone
    })
    await expect(paging).rejects.toBe(undone)
    expect(pages).toEqual([seq, seq, seq + 1])
  })

  test('what this machine knows to have been stored is missed though a head of earlier says otherwise', async () => {
    const heads = sql`select stored_seq, stored_hash, mac from sys_audit_stream where stream = ${stream}`
    const [earlier] = await t.db.execute<{ stored_seq: string; stored_hash: string; mac: string }>(heads)
    await root.put('/sys/users/me/nickname', { nickname: 'later' })
    await t.host.audit?.ship()
    const [later] = await t.db.execute<{ stored_seq: string; stored_hash: string }>(heads)
    const cut = sql`delete from sys_opera_log where stream = ${stream} and seq > ${earlier?.stored_seq}`
    const replay = sql`
      update sys_audit_stream set stored_seq = ${earlier?.stored_seq}, stored_hash = ${earlier?.stored_hash}, mac = ${earlier?.mac}
      where stream = ${stream}`
    expect(await whileTampered(cut, replay)).toBeUndefined()
    await t.host.shared.audit_ends.note({
      stream,
      seq: Number(later?.stored_seq),
      hash: later?.stored_hash ?? '',
    })
    // Whatever order two processes have noted it in.
    await t.host.shared.audit_ends.note({ stream, seq: 1, hash: 'a'.repeat(64) })
    expect(await fault()).toBeUndefined()
    const seq = Number(earlier?.stored_seq) + 1
    expect(await whileTampered(cut, replay)).toMatchObject({ stream, seq, kind: 'missing' })
    const all = [sql`delete from sys_opera_log`, sql`delete from sys_audit_removal`, sql`delete from sys_audit_stream`]
    expect(await whileTampered(...all)).toMatchObject({ stream, kind: 'head removed' })
  })

  test('what the API deletes and clears is known, and hides nothing else', async () => {
    const last = await lastSeq()
    const [before] = await verifyAll(systemCtx(t.host))
    const rows = await t.db.execute<{ id: string }>(
      sql`select id from sys_opera_log where stream = ${stream} and seq in (${last - 6}, ${last - 5}, ${last - 2})`,
    )
    expect((await root.delete('/logs/opera', { pks: rows.map(({ id }) => Number(id)) })).status).toBe(200)
    await t.host.audit?.ship()
    expect((await verifyAll(systemCtx(t.host)))[0]).toMatchObject({
      removed_count: (before?.removed_count ?? 0) + 3,
      fault: undefined,
    })
    expect(
      await whileTampered(sql`delete from sys_opera_log where stream = ${stream} and seq = ${last - 4}`),
    ).toMatchObject({ seq: last - 4, kind: 'missing' })
    expect((await root.delete('/logs/opera/all')).status).toBe(200)
    await t.host.audit?.ship()
    const [report] = await verifyAll(systemCtx(t.host))
    expect(report).toMatchObject({ fault: undefined })
    expect(report?.removed_count).toBeGreaterThan(last)
  })

  test('what is deleted while it is verified is not taken for missing', async () => {
    let verifying: ReturnType<typeof verifyAll> | undefined
    await t.db.transaction(async (tx) => {
      await tx.execute(sql`lock table sys_opera_log in access exclusive mode`)
      verifying = verifyAll(systemCtx(t.host))
      // It has read which removals there are, and waits for the rows.
      const waiting = sql`select 1 from pg_locks where not granted
        and database = (select oid from pg_database where datname = current_database())`
      await expect.poll(async () => (await t.db.execute(waiting)).length, { timeout: 10_000 }).toBeGreaterThan(0)
      const ctx = { ...systemCtx(t.host), db: tx }
      await removeNoted(ctx, sql`stream = ${stream} and seq = ${(await lastSeq(tx)) - 2}`, 'delete')
    })
    expect((await verifying)?.find((one) => one.fault !== undefined)).toBeUndefined()
    expect(await fault()).toBeUndefined()
  })
})
