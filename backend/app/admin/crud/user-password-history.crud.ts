import { and, desc, eq, notInArray } from 'drizzle-orm'
import { userPasswordHistory } from '#backend/app/admin/model/user-password-history.model'
import type { Db } from '#backend/database/db'

/** The hashes that were in use last, the newest first. */
export async function listNewest(db: Db, user_id: number, limit: number): Promise<string[]> {
  const rows = await newest(db, user_id, limit)
  return rows.map(({ password }) => password)
}

export async function insert(db: Db, user_id: number, password: string): Promise<void> {
  await db.insert(userPasswordHistory).values({ user_id, password })
}

/** Removes all but the newest: a hash that nothing compares with is only worth something to a thief. */
export async function trim(db: Db, user_id: number, kept: number): Promise<void> {
  const rows = await newest(db, user_id, kept)
  const ids = rows.map(({ id }) => id)
  await db
    .delete(userPasswordHistory)
    .where(and(eq(userPasswordHistory.user_id, user_id), notInArray(userPasswordHistory.id, ids)))
}

export async function removeOfUser(db: Db, user_id: number): Promise<void> {
  await db.delete(userPasswordHistory).where(eq(userPasswordHistory.user_id, user_id))
}

const newest = (db: Db, user_id: number, limit: number) =>
  db
    .select()
    .from(userPasswordHistory)
    .where(eq(userPasswordHistory.user_id, user_id))
    .orderBy(desc(userPasswordHistory.id))
    .limit(limit)
