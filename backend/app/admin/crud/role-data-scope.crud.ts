import { asc, inArray, type SQL } from 'drizzle-orm'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import type { Db } from '#backend/database/db'

/** Ids of the scopes of these roles, each once, ascending. */
export async function listScopeIds(db: Db, role_ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .selectDistinct({ id: roleDataScope.data_scope_id })
    .from(roleDataScope)
    .where(inArray(roleDataScope.role_id, [...role_ids]))
    .orderBy(asc(roleDataScope.data_scope_id))
  return rows.map(({ id }) => id)
}

/** Which of these scopes exist, locked so that they cannot go away before the transaction that names them ends. */
export async function lockScopes(db: Db, scope_ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .select({ id: dataScope.id })
    .from(dataScope)
    .where(inArray(dataScope.id, [...scope_ids]))
    .orderBy(asc(dataScope.id))
    .for('key share')
  return rows.map(({ id }) => id)
}

/** Gives a role exactly these scopes. */
export async function replace(db: Db, role_id: number, scope_ids: readonly number[]): Promise<void> {
  await removeOfRoles(db, [role_id])
  if (scope_ids.length === 0) return
  await db.insert(roleDataScope).values(scope_ids.map((data_scope_id) => ({ role_id, data_scope_id })))
}

export async function removeOfRoles(db: Db, role_ids: readonly number[]): Promise<void> {
  await removeWhere(db, inArray(roleDataScope.role_id, [...role_ids]))
}

export async function removeOfScopes(db: Db, scope_ids: readonly number[]): Promise<void> {
  await removeWhere(db, inArray(roleDataScope.data_scope_id, [...scope_ids]))
}

/** Locks in the order of the ids: a role and a scope that go at once would otherwise wait for each other. */
async function removeWhere(db: Db, which: SQL): Promise<void> {
  const doomed = db
    .select({ id: roleDataScope.id })
    .from(roleDataScope)
    .where(which)
    .orderBy(asc(roleDataScope.id))
    .for('update')
  await db.delete(roleDataScope).where(inArray(roleDataScope.id, doomed))
}
