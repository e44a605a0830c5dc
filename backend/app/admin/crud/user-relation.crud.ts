import { and, asc, eq, inArray, type SQL } from 'drizzle-orm'
import { type DataRule, dataRule } from '#backend/app/admin/model/data-rule.model'
import { type DataScope, dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { type Menu, menu } from '#backend/app/admin/model/menu.model'
import { type Role, role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import type { Db } from '#backend/database/db'

/** One row and what it belongs to; the lists below read many owners at once. */
export interface Held<T> {
  owner_id: number
  row: T
}

// Distinct, because the keys of the join tables let a link be there twice.

export async function listRoles(db: Db, user_ids: readonly number[]): Promise<Held<Role>[]> {
  if (user_ids.length === 0) return []
  return db
    .selectDistinct({ owner_id: userRole.user_id, row: role })
    .from(userRole)
    .innerJoin(role, eq(role.id, userRole.role_id))
    .where(inArray(userRole.user_id, [...user_ids]))
    .orderBy(asc(role.id))
}

export async function listMenus(db: Db, role_ids: readonly number[]): Promise<Held<Menu>[]> {
  if (role_ids.length === 0) return []
  return db
    .selectDistinct({ owner_id: roleMenu.role_id, row: menu })
    .from(roleMenu)
    .innerJoin(menu, eq(menu.id, roleMenu.menu_id))
    .where(inArray(roleMenu.role_id, [...role_ids]))
    .orderBy(asc(menu.id))
}

export async function listScopes(db: Db, role_ids: readonly number[]): Promise<Held<DataScope>[]> {
  if (role_ids.length === 0) return []
  return db
    .selectDistinct({ owner_id: roleDataScope.role_id, row: dataScope })
    .from(roleDataScope)
    .innerJoin(dataScope, eq(dataScope.id, roleDataScope.data_scope_id))
    .where(inArray(roleDataScope.role_id, [...role_ids]))
    .orderBy(asc(dataScope.id))
}

export async function listRules(db: Db, scope_ids: readonly number[]): Promise<Held<DataRule>[]> {
  if (scope_ids.length === 0) return []
  return db
    .selectDistinct({ owner_id: dataScopeRule.data_scope_id, row: dataRule })
    .from(dataScopeRule)
    .innerJoin(dataRule, eq(dataRule.id, dataScopeRule.data_rule_id))
    .where(inArray(dataScopeRule.data_scope_id, [...scope_ids]))
    .orderBy(asc(dataRule.id))
}

export async function listRoleIds(db: Db, user_id: number): Promise<number[]> {
  const rows = await db
    .selectDistinct({ role_id: userRole.role_id })
    .from(userRole)
    .where(eq(userRole.user_id, user_id))
    .orderBy(asc(userRole.role_id))
  return rows.map(({ role_id }) => role_id)
}

/** Which of the roles exist, locked so that they cannot go away before the transaction that names them ends. */
export async function lockRoles(db: Db, role_ids: readonly number[]): Promise<number[]> {
  if (role_ids.length === 0) return []
  const rows = await db
    .select({ id: role.id })
    .from(role)
    .where(inArray(role.id, [...role_ids]))
    // In one order, so that two who lock several never wait for each other.
    .orderBy(asc(role.id))
    .for('key share')
  return rows.map(({ id }) => id)
}

export async function addRoles(db: Db, user_id: number, role_ids: readonly number[]): Promise<void> {
  if (role_ids.length === 0) return
  await db.insert(userRole).values(role_ids.map((role_id) => ({ user_id, role_id })))
}

export async function removeRoles(db: Db, user_id: number, role_ids: readonly number[]): Promise<void> {
  if (role_ids.length === 0) return
  await removeWhere(db, and(eq(userRole.user_id, user_id), inArray(userRole.role_id, [...role_ids])))
}

export async function removeAllRoles(db: Db, user_id: number): Promise<void> {
  await removeWhere(db, eq(userRole.user_id, user_id))
}

/** Locks in the order of the ids: a user and a role that go at once would otherwise wait for each other. */
async function removeWhere(db: Db, which: SQL | undefined): Promise<void> {
  const doomed = db.select({ id: userRole.id }).from(userRole).where(which).orderBy(asc(userRole.id)).for('update')
  await db.delete(userRole).where(inArray(userRole.id, doomed))
}
