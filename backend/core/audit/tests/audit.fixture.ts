import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asc } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import * as auditStore from '#backend/app/admin/crud/audit-store.crud'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { ownRecord } from '#backend/core/audit/gap'
import type { AuditRecord } from '#backend/core/audit/record'
import type { AuditSink } from '#backend/core/audit/sink'
import { type Database, openDatabase } from '#backend/database/db'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

/** A record that can be told from others by its message. */
export const record = (msg: string, fields: Partial<AuditRecord> = {}): AuditRecord => ({
  ...ownRecord({ method: 'POST', title: 'A test', status: 1, msg, args: {} }),
  ...fields,
})

/** A folder for one test, and a log whose lines can be read. */
export function workplace() {
  const root = mkdtempSync(join(tmpdir(), 'fba-audit-'))
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  return { root, log, lines, remove: () => rmSync(root, { recursive: true, force: true }) }
}

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
