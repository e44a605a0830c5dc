import { and, asc, count, desc, eq, getTableColumns, inArray, lt, or, type SQL, sql } from 'drizzle-orm'
import { type OperaLog, operaLog } from '#backend/app/admin/model/opera-log.model'
import { contains, startsWithExactly } from '#backend/common/filters'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'

type Scope = RowScope<'OperaLog'>

export interface OperaLogFilter {
  username?: string | undefined
  status?: number | undefined
  ip?: string | undefined
}

/** A place in the list, which is ordered by both: the time in microseconds since the epoch, as text for its size. */
export interface Cursor {
  time_us: string
  id: number
}

const { diff: _diff, stream: _stream, seq: _seq, prev_hash: _prev, hash: _hash, ...listed } = getTableColumns(operaLog)
export type OperaLogRow = Omit<OperaLog, 'diff' | 'stream' | 'seq' | 'prev_hash' | 'hash'>
export type PlacedRow = OperaLogRow & { time_us: string }

const time_us = sql<string>`(extract(epoch from ${operaLog.opera_time}) * 1000000)::bigint::text`

/** Rows from an offset or, however far it lies, from behind a cursor on; the newest first. */
export async function list(
  db: Db,
  scope: Scope,
  filter: OperaLogFilter,
  from: { offset: number } | { after: Cursor },
  size: number,
): Promise<PlacedRow[]> {
  const where = await conditionOf(db, scope, filter)
  const newest = [desc(operaLog.opera_time), desc(operaLog.id)]
  if ('after' in from)
    return db
      .select({ ...listed, time_us })
      .from(operaLog)
      .where(and(where, isBehind(from.after)))
      .orderBy(...newest)
      .limit(size)
  // What lies before a far page is skipped in the index: the rows themselves are read of the page only.
  const page = db.$with('page').as(
    db
      .select({ id: operaLog.id })
      .from(operaLog)
      .where(where)
      .orderBy(...newest)
      .limit(size)
      .offset(from.offset),
  )
  return db
    .with(page)
    .select({ ...listed, time_us })
    .from(operaLog)
    .where(inArray(operaLog.id, db.select({ id: page.id }).from(page)))
    .orderBy(...newest)
}

function isBehind({ time_us, id }: Cursor): SQL | undefined {
  const time = sql`to_timestamp(0) + ${time_us}::bigint * interval '1 microsecond'`
  // The first condition is what the index can be entered by.
  return and(sql`${operaLog.opera_time} <= ${time}`, or(sql`${operaLog.opera_time} < ${time}`, lt(operaLog.id, id)))
}

/** How many rows there are, counted up to `max`; beyond, what the planner thinks. */
export async function countUpTo(db: Db, scope: Scope, filter: OperaLogFilter, max: number) {
  const where = await conditionOf(db, scope, filter)
  const some = db
    .select({ one: sql`1`.as('one') })
    .from(operaLog)
    .where(where)
    .limit(max + 1)
    .as('some')
  const [row] = await db.select({ total: count() }).from(some)
  const total = row?.total ?? 0
  if (total <= max) return { total, total_is_estimate: false }
  return { total: Math.max(total, await estimate(db, where)), total_is_estimate: true }
}

async function estimate(db: Db, where: SQL | undefined): Promise<number> {
  const query = db.select({ id: operaLog.id }).from(operaLog).where(where)
  const [row] = await db.execute<{ 'QUERY PLAN': unknown }>(sql`explain (format json) ${query}`)
  const plan = row?.['QUERY PLAN']
  const [top] = (typeof plan === 'string' ? JSON.parse(plan) : plan) as [{ Plan: { 'Plan Rows': number } }]
  return Math.round(top.Plan['Plan Rows'])
}

/**
 * Names are looked up among the distinct ones first: the log is large and they are few, so that a part of a name that
 * nobody has costs no reading of the whole log.
 */
async function conditionOf(db: Db, scope: Scope, { username, status, ip }: OperaLogFilter): Promise<SQL | undefined> {
  return and(
    scope.where,
    username === undefined || username === '' ? undefined : await nameCondition(db, username),
    status === undefined ? undefined : eq(operaLog.status, status),
    startsWithExactly(operaLog.ip, ip),
  )
}

const NAMES_MAX = 200

async function nameCondition(db: Db, part: string): Promise<SQL | undefined> {
  const rows = await db.execute<{ username: string }>(sql`
    with recursive names(username) as (
      (select username from sys_opera_log where username is not null order by username limit 1)
      union all
      select (select username from sys_opera_log where username > names.username order by username limit 1)
      from names where names.username is not null)
    select username from names where ${contains(sql`username`, part)} limit ${NAMES_MAX + 1}`)
  if (rows.length > NAMES_MAX) return contains(operaLog.username, part)
  return rows.length === 0
    ? sql`false`
    : inArray(
        operaLog.username,
        rows.map((row) => row.username),
      )
}

export async function findById(db: Db, scope: Scope, id: number): Promise<OperaLog | undefined> {
  const [row] = await db
    .select()
    .from(operaLog)
    .where(and(eq(operaLog.id, id), scope.where))
  return row
}

/** Of these rows, those within the scope; locked in one order, so that two removals never wait for each other. */
export function chosen(scope: Scope, ids: readonly number[]): SQL {
  return sql`${operaLog.id} in (
    select id from sys_opera_log where ${and(inArray(operaLog.id, [...ids]), scope.where)} order by ${asc(operaLog.id)} for update)`
}
