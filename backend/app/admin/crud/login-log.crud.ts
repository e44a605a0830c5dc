import { sql } from 'drizzle-orm'
import { loginLog, type NewLoginLog } from '#backend/app/admin/model/login-log.model'
import type { Db } from '#backend/database/db'

/** Writes an attempt as of now. */
export async function insert(db: Db, fields: Omit<NewLoginLog, 'login_time'>): Promise<void> {
  await db.insert(loginLog).values({ ...fields, login_time: sql`now()` })
}
