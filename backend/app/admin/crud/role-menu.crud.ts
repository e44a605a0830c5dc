import { asc, eq, inArray, type SQL } from 'drizzle-orm'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import type { Db } from '#backend/database/db'

/** The menus that any of these roles holds. */
export async function listMenuIds(db: Db, role_ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .selectDistinct({ menu_id: roleMenu.menu_id })
    .from(roleMenu)
    .where(inArray(roleMenu.role_id, [...role_ids]))
  return rows.map(({ menu_id }) => menu_id)
}

/** Gives the role exactly these menus. Two at once are kept apart by the caller's lock on the role. */
export async function replace(db: Db, role_id: number, menu_ids: readonly number[]): Promise<void> {
  await removeOfRoles(db, [role_id])
  if (menu_ids.length > 0) await db.insert(roleMenu).values(menu_ids.map((menu_id) => ({ role_id, menu_id })))
}

export async function removeOfRoles(db: Db, role_ids: readonly number[]): Promise<void> {
  await removeWhere(db, inArray(roleMenu.role_id, [...role_ids]))
}

export async function removeOfMenu(db: Db, menu_id: number): Promise<void> {
  await removeWhere(db, eq(roleMenu.menu_id, menu_id))
}

/** Locks in the order of the ids: a role and a menu that go at once would otherwise wait for each other. */
async function removeWhere(db: Db, which: SQL): Promise<void> {
  const doomed = db.select({ id: roleMenu.id }).from(roleMenu).where(which).orderBy(asc(roleMenu.id)).for('update')
  await db.delete(roleMenu).where(inArray(roleMenu.id, doomed))
}
