import { and, asc, desc, eq, gt, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { contains } from '#backend/common/filters'
import type { PageQuery } from '#backend/common/paging'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'

type Scope = RowScope<'User'>

/** Somebody counts as online for this long after their last request. */
export const ONLINE_SECONDS = 300
const UNKNOWN = 'Unknown'

export interface OnlineSession {
  /** The user's. */
  id: number
  session_uuid: string
  username: string
  nickname: string
  ip: string
  os: string
  browser: string
  device: string
  /** 1 used within the last `ONLINE_SECONDS`, else 0. */
  status: number
  last_login_time: string
  expire_time: string
}

/** Which sessions are there: the living ones of the users in the scope, and in any case the actor's own. */
export interface View {
  scope: Scope
  user_id: number
  /** A session unused for so long has ended; 0: however long. */
  idle_seconds: number
}

export interface OnlineFilter {
  user_id?: number | undefined
  /** Part of it. */
  username?: string | undefined
}

const secondsAgo = (seconds: number) => sql`now() - make_interval(secs => ${seconds})`

/** Not ended, not expired, not idle. */
const living = (idle_seconds: number) =>
  and(
    isNull(session.ended_time),
    gt(session.expire_time, sql`now()`),
    idle_seconds === 0 ? undefined : gt(session.last_active_time, secondsAgo(idle_seconds)),
  )

const seen = ({ scope, user_id, idle_seconds }: View) =>
  and(living(idle_seconds), scope.where === undefined ? undefined : or(scope.where, eq(user.id, user_id)))

// In the connection's time zone, which is the wire's.
const wireText = (column: PgColumn) => sql<string>`to_char(${column}, 'YYYY-MM-DD HH24:MI:SS')`
const known = (column: PgColumn) => sql<string>`coalesce(${column}, ${UNKNOWN})`

/** The newest activity first, as the index on it runs: a page reads its own rows and those before it, no others. */
export function selectPage(db: Db, view: View, filter: OnlineFilter, { page, size }: PageQuery) {
  return db
    .select({
      id: user.id,
      session_uuid: session.session_uuid,
      username: user.username,
      nickname: user.nickname,
      ip: session.ip,
      os: known(session.os),
      browser: known(session.browser),
      device: known(session.device),
      status: sql<number>`case when ${session.last_active_time} > ${secondsAgo(ONLINE_SECONDS)} then 1 else 0 end`,
      last_login_time: wireText(session.created_time),
      expire_time: wireText(session.expire_time),
    })
    .from(session)
    .innerJoin(user, eq(user.id, session.user_id))
    .where(and(seen(view), matches(filter)))
    .orderBy(desc(session.last_active_time), asc(session.session_uuid))
    .limit(size)
    .offset((page - 1) * size)
}

function matches({ user_id, username }: OnlineFilter): SQL | undefined {
  return and(user_id === undefined ? undefined : eq(session.user_id, user_id), contains(user.username, username))
}

export async function list(db: Db, view: View, filter: OnlineFilter, page: PageQuery): Promise<OnlineSession[]> {
  return selectPage(db, view, filter, page)
}

/** Whose a living session is, locked so that they stay in sight; undefined when that user has no such session, or is not seen. */
export async function findOwner(
  db: Db,
  view: View,
  user_id: number,
  session_uuid: string,
): Promise<{ is_superuser: boolean } | undefined> {
  const [row] = await db
    .select({ is_superuser: user.is_superuser })
    .from(session)
    .innerJoin(user, eq(user.id, session.user_id))
    .where(and(seen(view), eq(session.user_id, user_id), eq(session.session_uuid, session_uuid)))
    .for('share', { of: user })
  return row
}

/** Ends the sessions of everybody in a department; the ids of those it ended. */
export async function endOfDept(db: Db, dept_id: number, reason: string): Promise<string[]> {
  const members = db.select({ id: user.id }).from(user).where(eq(user.dept_id, dept_id))
  const rows = await db
    .update(session)
    .set({ ended_time: sql`now()`, ended_reason: reason })
    .where(and(inArray(session.user_id, members), isNull(session.ended_time)))
    .returning({ session_uuid: session.session_uuid })
  return rows.map(({ session_uuid }) => session_uuid)
}
