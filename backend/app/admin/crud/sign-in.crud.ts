import { and, asc, eq, isNotNull, sql } from 'drizzle-orm'
import { dept } from '#backend/app/admin/model/dept.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { type User, user } from '#backend/app/admin/model/user.model'
import { STATUS } from '#backend/common/enums'
import type { Db } from '#backend/database/db'

export interface Candidate {
  user: User
  /** Enabled, and in no department or an enabled one. */
  usable: boolean
}

/** Whom a name belongs to; before somebody has signed in there is no row permission to ask. */
export async function findByUsername(db: Db, username: string): Promise<Candidate | undefined> {
  const [row] = await db
    .select({ user, dept_status: dept.status, dept_gone: dept.del_flag })
    .from(user)
    .leftJoin(dept, eq(dept.id, user.dept_id))
    .where(eq(user.username, username))
  if (row === undefined) return undefined
  const inUsableDept = row.user.dept_id === null || (row.dept_status === STATUS.enabled && row.dept_gone === false)
  return { user: row.user, usable: row.user.status === STATUS.enabled && inUsableDept }
}

/**
 * The user as they are now, locked until the transaction ends: what an administrator changes meanwhile comes wholly
 * before the sign-in or wholly after it. First the user, then the department, as everybody locks them.
 */
export async function lockCandidate(db: Db, user_id: number): Promise<Candidate | undefined> {
  const [row] = await db.select().from(user).where(eq(user.id, user_id)).for('update')
  if (row === undefined) return undefined
  return { user: row, usable: row.status === STATUS.enabled && (await isUsableDept(db, row.dept_id)) }
}

async function isUsableDept(db: Db, dept_id: number | null): Promise<boolean> {
  if (dept_id === null) return true
  const [row] = await db
    .select({ id: dept.id })
    .from(dept)
    .where(and(eq(dept.id, dept_id), eq(dept.status, STATUS.enabled), eq(dept.del_flag, false)))
    .for('share')
  return row !== undefined
}

/** The name to log for a token's user. */
export async function findName(db: Db, user_id: number): Promise<Pick<User, 'username' | 'uuid'> | undefined> {
  const [row] = await db.select({ username: user.username, uuid: user.uuid }).from(user).where(eq(user.id, user_id))
  return row
}

/** Notes the time of a sign-in; it is no update of the user. */
export async function markSignedIn(db: Db, user_id: number): Promise<void> {
  await db
    .update(user)
    .set({ last_login_time: sql`now()`, updated_time: sql`${user.updated_time}` })
    .where(eq(user.id, user_id))
}

/** What the enabled menus carry in `perms`, which may be several codes. */
export async function listPerms(db: Db): Promise<string[]> {
  const rows = await db
    .selectDistinct({ perms: menu.perms })
    .from(menu)
    .where(and(eq(menu.status, STATUS.enabled), isNotNull(menu.perms)))
    .orderBy(asc(menu.perms))
  return rows.flatMap(({ perms }) => (perms === null ? [] : [perms]))
}
