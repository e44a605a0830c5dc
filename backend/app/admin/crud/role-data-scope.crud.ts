import { asc, eq, inArray } from 'drizzle-orm'
import { type DataRule, dataRule } from '#backend/app/admin/model/data-rule.model'
import { type DataScope, dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import type { Db } from '#backend/database/db'

/** The scopes that any of these roles holds, enabled or not, ascending. */
export async function listScopeIds(db: Db, role_ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .selectDistinct({ data_scope_id: roleDataScope.data_scope_id })
    .from(roleDataScope)
    .where(inArray(roleDataScope.role_id, [...role_ids]))
    .orderBy(asc(roleDataScope.data_scope_id))
  return rows.map(({ data_scope_id }) => data_scope_id)
}

export async function listScopes(db: Db, role_id: number): Promise<DataScope[]> {
  const held = db
    .select({ id: roleDataScope.data_scope_id })
    .from(roleDataScope)
    .where(eq(roleDataScope.role_id, role_id))
  return db.select().from(dataScope).where(inArray(dataScope.id, held)).orderBy(asc(dataScope.id))
}

/** The rules of several scopes in one query, by scope. */
export async function listRules(db: Db, scope_ids: readonly number[]): Promise<Map<number, DataRule[]>> {
  const rows = await db
    .selectDistinct({ data_scope_id: dataScopeRule.data_scope_id, rule: dataRule })
    .from(dataScopeRule)
    .innerJoin(dataRule, eq(dataRule.id, dataScopeRule.data_rule_id))
    .where(inArray(dataScopeRule.data_scope_id, [...scope_ids]))
    .orderBy(asc(dataRule.id))
  const by_scope = new Map<number, DataRule[]>()
  for (const { data_scope_id, rule } of rows)
    by_scope.set(data_scope_id, [...(by_scope.get(data_scope_id) ?? []), rule])
  return by_scope
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

/** Gives the role exactly these scopes. Two at once are kept apart by the caller's lock on the role. */
export async function replaceOfRole(db: Db, role_id: number, scope_ids: readonly number[]): Promise<void> {
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
async function removeWhere(db: Db, which: ReturnType<typeof eq>): Promise<void> {
  const doomed = db
    .select({ id: roleDataScope.id })
    .from(roleDataScope)
    .where(which)
    .orderBy(asc(roleDataScope.id))
    .for('update')
  await db.delete(roleDataScope).where(inArray(roleDataScope.id, doomed))
}
