import { readdirSync } from 'node:fs'
import { asc } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as auditStore from '#backend/app/admin/crud/audit-store.crud'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { createShipper, type Shipper } from '#backend/core/audit/shipper'
import type { AuditSink } from '#backend/core/audit/sink'
import { openSpool, type Spool } from '#backend/core/audit/spool'
import { record, workplace } from '#backend/core/audit/tests/audit.fixture'
import { type Database, openDatabase } from '#backend/database/db'
import { createTestDatabase } from '#backend/tests/test-database'

const sink: AuditSink = { ...auditStore, removeExpired: async () => [] }
let created: Awaited<ReturnType<typeof createTestDatabase>>
let database: Database
let place: ReturnType<typeof workplace>
let spool: Spool
let shipper: Shipper

beforeAll(async () => {
  created = await createTestDatabase()
  database = openDatabase({ url: created.url, time_zone: 'Asia/Shanghai', pool_size: 2 })
})
afterAll(async () => {
  await database.close()
  await created.drop()
})
beforeEach(async () => {
  place = workplace()
  await database.sql`truncate sys_opera_log, sys_audit_stream`
  spool = openSpool({ root: place.root, key: 'key' })
  shipper = createShipper({ source: spool, key: 'key', sink, database, log: place.log })
})
afterEach(async () => {
  await spool.close()
  place.remove()
})

const stored = async () =>
  (await database.db.select({ seq: operaLog.seq }).from(operaLog).orderBy(asc(operaLog.seq))).map(({ seq }) => seq)
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
async function write(count: number): Promise<void> {
  for (let nr = 0; nr < count; nr += 1) await spool.append(record('x'))
}

describe('a position that was changed in the database', () => {
  test.each([
    ['set ahead', 'stored_seq = 1000000'],
    ['set back', 'stored_seq = 1'],
    ['set to nothing', 'stored_seq = 0'],
    ['made another’s', "mac = ''"],
  ])('and %s is believed by nobody: no record is left out, and no file removed', async (_, change) => {
    await write(3)
    await shipper.ship()
    const [before] = await database.sql`select stored_seq, mac from sys_audit_stream`
    await database.sql.unsafe(`update sys_audit_stream set ${change}`)
    await write(3)
    const fresh = createShipper({ source: spool, key: 'key', sink, database, log: place.log })
    await expect(fresh.ship()).rejects.toThrow('was altered')
    if (change.includes('stored_seq')) await expect(shipper.ship()).rejects.toThrow('was altered')
    expect(readdirSync(spool.folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1)
    await database.sql`update sys_audit_stream set stored_seq = ${before?.stored_seq}, mac = ${before?.mac}`
    await fresh.ship()
    expect(await stored()).toEqual(upTo(6))
  })

  test('as by going back to a copy of it, is gone back to: what the files still have is stored again', async () => {
    await write(5)
    await shipper.ship()
    const copy = await database.sql`select * from sys_audit_stream`
    await write(5)
    await shipper.ship()
    await database.sql`delete from sys_opera_log where seq > 5`
    await database.sql`update sys_audit_stream set ${database.sql({ ...copy[0] })}`
    await write(1)
    await shipper.ship()
    expect(await stored()).toEqual(upTo(11))
    expect(place.lines).toMatchObject([{ level: 50, stored_seq: 5 }])
    await write(1)
    await shipper.ship()
    expect(await stored()).toEqual(upTo(12))
  })
})
