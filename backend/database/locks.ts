import { sql } from 'drizzle-orm'
import type { Db } from '#backend/database/db'

/**
 * Waits until nobody else holds `name`, then holds it until the surrounding transaction ends, in every process of this database.
 * Invariant: `db` is a transaction; on the pool the lock would be gone before the next statement.
 */
export async function lockXact(db: Db, name: string): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`)
}

/** As `lockXact`, without waiting: false when somebody else holds it. */
export async function tryLockXact(db: Db, name: string): Promise<boolean> {
  const [row] = await db.execute<{ held: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as held`,
  )
  return row?.held === true
}
