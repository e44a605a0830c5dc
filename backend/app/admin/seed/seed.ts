import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { dept } from '#backend/app/admin/model/dept.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { type NewUser, type User, user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { MENUS } from '#backend/app/admin/seed/menus'
import type { MenuSeed } from '#backend/common/menu-seed'
import type { PluginMenu } from '#backend/core/plugin/definition'
import { type Db, inTransaction } from '#backend/database/db'
import { lockXact } from '#backend/database/locks'

const SEED_LOCK = 'admin:seed'
const ROOT_DEPT_NAME = '总部'
const ROLE_NAME = '普通用户'
const SCOPE_NAME = '本部门'
const ROLE_MENU_NAMES = ['Dashboard', 'Analytics', 'Workspace', 'Profile', 'System', 'SysDept', 'SysUser']

// Numbers of sys_data_rule: `operator` AND, `expression` ==.
const AND = 0
const EQUALS = 0

const SUPERUSER = { is_superuser: true, is_staff: true, is_multi_login: true }
const DEVELOPMENT_USERS: NewUser[] = [
  { ...SUPERUSER, username: 'admin', nickname: '管理员', email: 'admin@example.com' },
  { username: 'test', nickname: '测试用户', email: 'test@example.com' },
]

/**
 * Inserts the menus that are missing, recognised by name; rows that are there stay as an administrator left them.
 * Returns how many were inserted.
 */
export async function seedMenus(db: Db): Promise<number> {
  return seeding(db, (tx) => insertMissingMenus(tx, MENUS))
}

/**
 * Gives an empty database what a developer signs in with: one department, one role limited to it, and the users `admin` and `test`
 * with the same password. Does nothing, and returns false, when there is any user.
 */
export async function seedDevelopment(db: Db, { password_hash }: { password_hash: string }): Promise<boolean> {
  return seeding(db, async (tx) => {
    await insertMissingMenus(tx, MENUS)
    if (await hasUser(tx)) return false
    const dept_id = await rootDeptId(tx)
    const role_id = await insertLimitedRole(tx)
    for (const fields of DEVELOPMENT_USERS) {
      const row = await insertUser(tx, { ...fields, password: password_hash, dept_id })
      await tx.insert(userRole).values({ user_id: inserted(row).id, role_id })
    }
    return true
  })
}

export interface Administrator {
  username: string
  password_hash: string
  nickname?: string
  email?: string
}

/** Makes a superuser; undefined when the username or e-mail address is taken (of two processes one creates, the other learns it here). */
export async function createAdministrator(
  db: Db,
  { username, password_hash, nickname = username, email }: Administrator,
): Promise<User | undefined> {
  return seeding(db, async (tx) => {
    const dept_id = await rootDeptId(tx)
    return insertUser(tx, { ...SUPERUSER, username, nickname, email, password: password_hash, dept_id })
  })
}

/** One seeding at a time, all of it or nothing. */
async function seeding<T>(db: Db, fn: (tx: Db) => Promise<T>): Promise<T> {
  return inTransaction(db, async (tx) => {
    await lockXact(tx, SEED_LOCK)
    return fn(tx)
  })
}

/** The menus of a plugin, below the parents that they name or at the top. */
export async function insertMenus(db: Db, menus: readonly PluginMenu[]): Promise<number> {
  return seeding(db, (tx) => insertMissingMenus(tx, menus))
}

export async function menuNames(db: Db): Promise<string[]> {
  const rows = await db.select({ name: menu.name }).from(menu)
  return rows.map(({ name }) => name)
}

export async function removeMenus(db: Db, names: readonly string[]): Promise<void> {
  await seeding(db, async (tx) => {
    const known = await idsByName(tx)
    const ids = names.flatMap((name) => known.get(name) ?? [])
    await tx.update(menu).set({ parent_id: null }).where(inArray(menu.parent_id, ids))
    await tx.delete(menu).where(inArray(menu.id, ids))
    // After the rows are gone, so that a role that was just given one loses it too.
    await tx.delete(roleMenu).where(inArray(roleMenu.menu_id, ids))
  })
}

/** Names are not unique in the table; of several the oldest is the seeded one. */
async function idsByName(tx: Db): Promise<Map<string, number>> {
  const rows = await tx.select({ id: menu.id, name: menu.name }).from(menu).orderBy(asc(menu.id))
  return new Map(rows.reverse().map((row) => [row.name, row.id]))
}

async function insertMissingMenus(tx: Db, menus: readonly PluginMenu[]): Promise<number> {
  const ids = await idsByName(tx)
  let count = 0
  const insertLevel = async (seeds: readonly MenuSeed[], parent_id: number | null): Promise<void> => {
    for (const { children, ...fields } of seeds) {
      let id = ids.get(fields.name)
      if (id === undefined) {
        const [row] = await tx
          .insert(menu)
          .values({ ...fields, link: '', parent_id })
          .returning({ id: menu.id })
        id = inserted(row).id
        ids.set(fields.name, id)
        count += 1
      }
      await insertLevel(children, id)
    }
  }
  for (const { parent, ...seed } of menus) {
    const parent_id = parent === undefined ? null : ids.get(parent)
    if (parent_id === undefined) throw new Error(`the menu ${seed.name} names a parent ${parent} that is not there`)
    await insertLevel([seed], parent_id)
  }
  return count
}

/** Whether anybody has been made who could sign in. */
export async function hasUser(db: Db): Promise<boolean> {
  const rows = await db.select({ id: user.id }).from(user).limit(1)
  return rows.length > 0
}

/** The oldest department in use without a parent (a disabled one would shut its users out); makes one where there is none. */
async function rootDeptId(tx: Db): Promise<number> {
  const [existing] = await tx
    .select({ id: dept.id })
    .from(dept)
    .where(and(isNull(dept.parent_id), eq(dept.del_flag, false), eq(dept.status, 1)))
    .orderBy(asc(dept.id))
    .limit(1)
  if (existing) return existing.id
  const [row] = await tx.insert(dept).values({ name: ROOT_DEPT_NAME }).returning({ id: dept.id })
  return inserted(row).id
}

/** A role whose users read departments and users, of their own department only. Returns its id. */
async function insertLimitedRole(tx: Db): Promise<number> {
  const [roleRow] = await tx.insert(role).values({ name: ROLE_NAME }).returning({ id: role.id })
  const role_id = inserted(roleRow).id
  const menus = await tx.select({ id: menu.id }).from(menu).where(inArray(menu.name, ROLE_MENU_NAMES))
  await tx.insert(roleMenu).values(menus.map(({ id }) => ({ role_id, menu_id: id })))

  const [scopeRow] = await tx.insert(dataScope).values({ name: SCOPE_NAME, status: 1 }).returning({ id: dataScope.id })
  const data_scope_id = inserted(scopeRow).id
  await tx.insert(roleDataScope).values({ role_id, data_scope_id })
  const rules = await tx
    .insert(dataRule)
    .values([
      { name: '本部门', model: 'Dept', column: 'id', operator: AND, expression: EQUALS, value: '${dept_id}' },
      { name: '本部门用户', model: 'User', column: 'dept_id', operator: AND, expression: EQUALS, value: '${dept_id}' },
    ])
    .returning({ id: dataRule.id })
  await tx.insert(dataScopeRule).values(rules.map(({ id }) => ({ data_scope_id, data_rule_id: id })))
  return role_id
}

/** The password counts as set now. Undefined when a unique field is taken. */
async function insertUser(tx: Db, fields: NewUser): Promise<User | undefined> {
  const [row] = await tx
    .insert(user)
    .values({ ...fields, last_password_changed_time: sql`now()` })
    .onConflictDoNothing()
    .returning()
  return row
}

function inserted<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('an insert returned no row')
  return row
}
