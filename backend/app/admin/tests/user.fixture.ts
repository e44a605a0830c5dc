import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { dept } from '#backend/app/admin/model/dept.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { type User, user } from '#backend/app/admin/model/user.model'
import { MENU_TYPE } from '#backend/common/enums'
import type { Db } from '#backend/database/db'

export const unique = (label: string) => `${label}_${randomBytes(4).toString('hex')}`

function inserted(rows: { id: number }[]): number {
  const [row] = rows
  if (row === undefined) throw new Error('nothing was inserted')
  return row.id
}

export async function makeDept(db: Db, fields: Partial<typeof dept.$inferInsert> = {}): Promise<number> {
  return inserted(
    await db
      .insert(dept)
      .values({ name: unique('dept'), ...fields })
      .returning(),
  )
}

/** A role that lifts the filter and carries these codes, a menu for each. */
export async function makeRole(
  db: Db,
  codes: readonly string[] = [],
  fields: Partial<typeof role.$inferInsert> = {},
): Promise<number> {
  const role_id = inserted(
    await db
      .insert(role)
      .values({ name: unique('role'), is_filter_scopes: false, ...fields })
      .returning(),
  )
  for (const perms of codes) {
    const button = { title: unique('title'), name: unique('Name'), type: MENU_TYPE.button, perms }
    const menu_id = inserted(await db.insert(menu).values(button).returning())
    await db.insert(roleMenu).values({ role_id, menu_id })
  }
  return role_id
}

export async function findUser(db: Db, id: number): Promise<User | undefined> {
  const [row] = await db.select().from(user).where(eq(user.id, id))
  return row
}
