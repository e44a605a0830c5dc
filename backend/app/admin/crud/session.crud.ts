import { and, desc, eq, gt, isNull, ne, sql } from 'drizzle-orm'
import { type NewSession, type Session, session } from '#backend/app/admin/model/session.model'
import type { Db } from '#backend/database/db'

export async function insert(db: Db, fields: NewSession): Promise<void> {
  await db.insert(session).values(fields)
}

/** The session while it lives, locked against a second refresh at the same time. */
export async function lockLiving(db: Db, session_uuid: string, idle_seconds: number): Promise<Session | undefined> {
  const [row] = await db
    .select()
    .from(session)
    .where(
      and(
        eq(session.session_uuid, session_uuid),
        isNull(session.ended_time),
        gt(session.expire_time, sql`now()`),
        idle_seconds === 0
          ? undefined
          : gt(session.last_active_time, sql`now() - make_interval(secs => ${idle_seconds})`),
      ),
    )
    .for('update')
  return row
}

/** The living session that a user used last. */
export async function findNewest(db: Db, user_id: number): Promise<string | undefined> {
  const [row] = await db
    .select({ session_uuid: session.session_uuid })
    .from(session)
    .where(and(eq(session.user_id, user_id), isNull(session.ended_time), gt(session.expire_time, sql`now()`)))
    .orderBy(desc(session.last_active_time), desc(session.session_uuid))
    .limit(1)
  return row?.session_uuid
}

/** Makes another refresh token the valid one; when, by the clock of the database. */
export async function rotate(db: Db, session_uuid: string, refresh_hash: string): Promise<Date | null> {
  const [row] = await db
    .update(session)
    .set({
      previous_refresh_hash: session.refresh_hash,
      refresh_hash,
      refreshed_time: sql`now()`,
      last_active_time: sql`now()`,
    })
    .where(eq(session.session_uuid, session_uuid))
    .returning({ refreshed_time: session.refreshed_time })
  return row?.refreshed_time ?? null
}

/** Whether the refresh token was exchanged less than `seconds` ago. */
export async function isJustRotated(db: Db, session_uuid: string, seconds: number): Promise<boolean> {
  const [row] = await db
    .select({ session_uuid: session.session_uuid })
    .from(session)
    .where(
      and(
        eq(session.session_uuid, session_uuid),
        gt(session.refreshed_time, sql`clock_timestamp() - make_interval(secs => ${seconds})`),
      ),
    )
  return row !== undefined
}

export async function touch(db: Db, session_uuid: string): Promise<void> {
  await db.update(session).set({ last_active_time: sql`now()` }).where(eq(session.session_uuid, session_uuid))
}

/** Ends one living session; its id when it was living. */
export async function end(db: Db, session_uuid: string, reason: string): Promise<string[]> {
  return ended(db, reason, eq(session.session_uuid, session_uuid))
}

/** Ends the living sessions of a user but one; the ids of those it ended. */
export async function endOfUser(db: Db, user_id: number, reason: string, except_uuid = ''): Promise<string[]> {
  return ended(db, reason, and(eq(session.user_id, user_id), ne(session.session_uuid, except_uuid)))
}

async function ended(db: Db, reason: string, which: ReturnType<typeof and>): Promise<string[]> {
  const rows = await db
    .update(session)
    .set({ ended_time: sql`now()`, ended_reason: reason })
    .where(and(which, isNull(session.ended_time)))
    .returning({ session_uuid: session.session_uuid })
  return rows.map(({ session_uuid }) => session_uuid)
}
