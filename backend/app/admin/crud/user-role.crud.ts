import { and, asc, eq, inArray } from 'drizzle-orm'
import { userRole } from '#backend/app/admin/model/user-role.model'
import type { Db } from '#backend/database/db'

/** Whether the user has any of these roles, enabled or not. */
export async function holdsAny(db: Db, user_id: number, role_ids: readonly number[]): Promise<boolean> {
  const [row] = await db
    .select({ id: userRole.id })
    .from(userRole)
    .where(and(eq(userRole.user_id, user_id), inArray(userRole.role_id, [...role_ids])))
    .limit(1)
  return row !== undefined
}

/** Locks in the order of the ids, so that two removals at once never wait for each other. */
export async function removeOfRoles(db: Db, role_ids: readonly number[]): Promise<void> {
  const doomed = db
    .select({ id: userRole.id })
    .from(userRole)
    .where(inArray(userRole.role_id, [...role_ids]))
    .orderBy(asc(userRole.id))
    .for('update')
  await db.delete(userRole).where(inArray(userRole.id, doomed))
}
