import { and, asc, count, desc, eq, inArray } from 'drizzle-orm'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'
import { trackedRows } from '#backend/database/tracked-rows'
import { type NewNotice, type Notice, notice } from '#backend/plugin/notice/model/notice.model'

type Scope = RowScope<'Notice'>

export interface NoticeFilter {
  title?: string | undefined
  type?: number | undefined
  status?: number | undefined
}

/** One page, newest first. */
export async function list(
  db: Db,
  scope: Scope,
  filter: NoticeFilter,
  { page, size }: PageQuery,
): Promise<Rows<Notice>> {
  const where = and(
    scope.where,
    contains(notice.title, filter.title),
    filter.type === undefined ? undefined : eq(notice.type, filter.type),
    filter.status === undefined ? undefined : eq(notice.status, filter.status),
  )
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(notice)
      .where(where)
      .orderBy(desc(notice.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(notice).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function findById(db: Db, scope: Scope, id: number): Promise<Notice | undefined> {
  const [row] = await db
    .select()
    .from(notice)
    .where(and(eq(notice.id, id), scope.where))
  return row
}

export async function insert(db: Db, fields: NewNotice): Promise<Notice | undefined> {
  const [row] = await db.insert(notice).values(fields).returning()
  return row
}

export async function update(
  db: Db,
  scope: Scope,
  id: number,
  fields: Partial<NewNotice>,
): Promise<Notice | undefined> {
  const [row] = await db
    .update(notice)
    .set(fields)
    .where(and(eq(notice.id, id), scope.where))
    .returning()
  return row
}

/** The ids of those that there were within the scope. */
export async function remove(db: Db, scope: Scope, ids: readonly number[]): Promise<number[]> {
  const doomed = db
    .select({ id: notice.id })
    .from(notice)
    .where(and(inArray(notice.id, [...ids]), scope.where))
    // In one order, so that two deletions of the same rows never wait for each other.
    .orderBy(asc(notice.id))
    .for('update')
  const rows = await db.delete(notice).where(inArray(notice.id, doomed)).returning({ id: notice.id })
  return rows.map(({ id }) => id)
}

/** What the operation log shows the changes of. */
export const tracked = trackedRows(notice, notice.id)
