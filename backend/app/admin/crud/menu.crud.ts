import { and, asc, count, eq, inArray, isNotNull, isNull, ne, notInArray, or, sql } from 'drizzle-orm'
import { type Menu, menu, type NewMenu } from '#backend/app/admin/model/menu.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { MENU_TYPE } from '#backend/common/enums'
import { contains } from '#backend/common/filters'
import type { Db } from '#backend/database/db'

const by_position = [asc(menu.sort), asc(menu.id)]

export interface MenuFilter {
  title?: string | undefined
  status?: number | undefined
}

export async function list(db: Db, { title, status }: MenuFilter): Promise<Menu[]> {
  return db
    .select()
    .from(menu)
    .where(and(contains(menu.title, title), status === undefined ? undefined : eq(menu.status, status)))
    .orderBy(...by_position)
}

export async function listOfRole(db: Db, role_id: number): Promise<Menu[]> {
  return db
    .select()
    .from(menu)
    .where(inArray(menu.id, heldBy(db, [role_id])))
    .orderBy(...by_position)
}

/** What is not a button: everything. */
export async function listNavigable(db: Db): Promise<Menu[]> {
  return db
    .select()
    .from(menu)
    .where(ne(menu.type, MENU_TYPE.button))
    .orderBy(...by_position)
}

/** What is not a button: of these roles, and those of these names that carry no code. */
export async function listNavigableOf(db: Db, role_ids: readonly number[], names: readonly string[]): Promise<Menu[]> {
  const open = and(inArray(menu.name, [...names]), or(isNull(menu.perms), eq(menu.perms, '')))
  return db
    .select()
    .from(menu)
    .where(and(ne(menu.type, MENU_TYPE.button), or(inArray(menu.id, heldBy(db, role_ids)), open)))
    .orderBy(...by_position)
}

/** The `perms` of those of these menus that none of these roles holds. */
export async function listPermsBeyond(
  db: Db,
  menu_ids: readonly number[],
  role_ids: readonly number[],
): Promise<string[]> {
  const rows = await db
    .select({ perms: menu.perms })
    .from(menu)
    .where(and(inArray(menu.id, [...menu_ids]), isNotNull(menu.perms), notInArray(menu.id, heldBy(db, role_ids))))
  return rows.map(({ perms }) => perms ?? '')
}

function heldBy(db: Db, role_ids: readonly number[]) {
  return db
    .select({ id: roleMenu.menu_id })
    .from(roleMenu)
    .where(inArray(roleMenu.role_id, [...role_ids]))
}

export async function findById(db: Db, id: number): Promise<Menu | undefined> {
  const [row] = await db.select().from(menu).where(eq(menu.id, id))
  return row
}

/** Which of these menus exist, locked so that they cannot go away before the transaction that names them ends. */
export async function lockByIds(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .select({ id: menu.id })
    .from(menu)
    .where(inArray(menu.id, [...ids]))
    .orderBy(asc(menu.id))
    .for('key share')
  return rows.map(({ id }) => id)
}

/** Whether another menu below the same parent has this title. */
export async function isTitleTaken(db: Db, title: string, parent_id: number | null, except_id = 0): Promise<boolean> {
  const sibling = parent_id === null ? isNull(menu.parent_id) : eq(menu.parent_id, parent_id)
  const [row] = await db
    .select({ id: menu.id })
    .from(menu)
    .where(and(eq(menu.title, title), sibling, ne(menu.id, except_id)))
    .limit(1)
  return row !== undefined
}

/** Whether another menu that is not a button has this name. */
export async function isNameTaken(db: Db, name: string, except_id = 0): Promise<boolean> {
  const [row] = await db
    .select({ id: menu.id })
    .from(menu)
    .where(and(eq(menu.name, name), ne(menu.type, MENU_TYPE.button), ne(menu.id, except_id)))
    .limit(1)
  return row !== undefined
}

/** Whether `id` is `below_id` itself or lies anywhere below it. */
export async function isWithin(db: Db, id: number, below_id: number): Promise<boolean> {
  const [row] = await db.execute<{ within: boolean }>(sql`
    with recursive above(id, parent_id) as (
      select id, parent_id from sys_menu where id = ${id}
      union
      select m.id, m.parent_id from sys_menu m join above a on m.id = a.parent_id
    )
    select exists (select 1 from above where id = ${below_id}) as within`)
  return row?.within === true
}

export async function countChildren(db: Db, id: number): Promise<number> {
  const [row] = await db.select({ total: count() }).from(menu).where(eq(menu.parent_id, id))
  return row?.total ?? 0
}

export async function insert(db: Db, fields: NewMenu): Promise<Menu | undefined> {
  const [row] = await db.insert(menu).values(fields).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewMenu>): Promise<Menu | undefined> {
  const [row] = await db.update(menu).set(fields).where(eq(menu.id, id)).returning()
  return row
}

export async function remove(db: Db, id: number): Promise<void> {
  await db.delete(menu).where(eq(menu.id, id))
}
