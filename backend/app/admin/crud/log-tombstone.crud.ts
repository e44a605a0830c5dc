import { count, desc, inArray } from 'drizzle-orm'
import { type LogTombstone, logTombstone, type NewLogTombstone } from '#backend/app/admin/model/log-tombstone.model'
import type { LogKind } from '#backend/common/enums'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'

export async function list(db: Db, logs: readonly LogKind[], { page, size }: PageQuery): Promise<Rows<LogTombstone>> {
  const where = inArray(logTombstone.log, [...logs])
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(logTombstone)
      .where(where)
      .orderBy(desc(logTombstone.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(logTombstone).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function insert(db: Db, fields: NewLogTombstone): Promise<void> {
  await db.insert(logTombstone).values(fields)
}
