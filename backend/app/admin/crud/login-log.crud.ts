import { and, asc, count, desc, eq, inArray, max, min, type SQL, sql } from 'drizzle-orm'
import type { Removed } from '#backend/app/admin/model/log-tombstone.model'
import { type LoginLog, loginLog, type NewLoginLog } from '#backend/app/admin/model/login-log.model'
import { contains, startsWith } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'

type Scope = RowScope<'LoginLog'>

export interface LoginLogFilter {
  username?: string | undefined
  status?: number | undefined
  ip?: string | undefined
}

/** Writes an attempt as of now. */
export async function insert(db: Db, fields: Omit<NewLoginLog, 'login_time'>): Promise<void> {
  await db.insert(loginLog).values({ ...fields, login_time: sql`now()` })
}

export async function list(
  db: Db,
  scope: Scope,
  filter: LoginLogFilter,
  { page, size }: PageQuery,
): Promise<Rows<LoginLog>> {
  const where = and(
    scope.where,
    contains(loginLog.username, filter.username),
    filter.status === undefined ? undefined : eq(loginLog.status, filter.status),
    startsWith(loginLog.ip, filter.ip),
  )
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(loginLog)
      .where(where)
      .orderBy(desc(loginLog.login_time), desc(loginLog.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(loginLog).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

/** Of these rows, those within the scope. */
export async function remove(db: Db, scope: Scope, ids: readonly number[]): Promise<Removed> {
  const doomed = db
    .select({ id: loginLog.id })
    .from(loginLog)
    .where(and(inArray(loginLog.id, [...ids]), scope.where))
    // In one order, so that two removals of the same rows never wait for each other.
    .orderBy(asc(loginLog.id))
    .for('update')
  return removeWhere(db, inArray(loginLog.id, doomed))
}

export async function clear(db: Db, scope: Scope): Promise<Removed> {
  return removeWhere(db, scope.where)
}

/** Counted where they are removed: a whole log does not travel here to be summed up. */
async function removeWhere(db: Db, where: SQL | undefined): Promise<Removed> {
  const removed = db
    .$with('removed')
    .as(db.delete(loginLog).where(where).returning({ login_time: loginLog.login_time }))
  const [row] = await db
    .with(removed)
    .select({ removed_count: count(), oldest_time: min(removed.login_time), newest_time: max(removed.login_time) })
    .from(removed)
  return row ?? { removed_count: 0, oldest_time: null, newest_time: null }
}
