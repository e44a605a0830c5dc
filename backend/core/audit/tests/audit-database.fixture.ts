import { asc } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import * as auditStore from '#backend/app/admin/crud/audit-store.crud'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import type { AuditSink } from '#backend/core/audit/sink'
import { type Database, openDatabase } from '#backend/database/db'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

export const sink: AuditSink = { ...auditStore, removeExpired: async () => [] }

/** A database for the tests of a file, the tables of the log empty before each, and what is read of it. */
export function auditDatabase() {
  let created: TestDatabase
  let database: Database
  beforeAll(async () => {
    created = await createTestDatabase()
    database = openDatabase({ url: created.url, time_zone: 'Asia/Shanghai', pool_size: 4 })
  })
  afterAll(async () => {
    await database.close()
    await created.drop()
  })
  beforeEach(async () => {
    await database.sql`truncate sys_opera_log, sys_audit_stream`
  })
  const rows = () =>
    database.db.select({ seq: operaLog.seq, msg: operaLog.msg }).from(operaLog).orderBy(asc(operaLog.id))
  return {
    get: () => database,
    /** The messages of all records, in the order in which they were stored. */
    messages: async () => (await rows()).map(({ msg }) => msg),
    /** Their numbers. */
    numbers: async () => (await rows()).map(({ seq }) => seq),
  }
}
