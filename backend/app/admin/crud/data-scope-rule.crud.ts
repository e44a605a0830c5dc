import { and, eq, inArray } from 'drizzle-orm'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import type { Db } from '#backend/database/db'

/** Whether one of the rules is in a scope of one of the user's roles, enabled or not. */
export async function isAnyHeldBy(db: Db, user_id: number, rule_ids: readonly number[]): Promise<boolean> {
  const [row] = await db
    .select({ id: dataScopeRule.id })
    .from(dataScopeRule)
    .innerJoin(roleDataScope, eq(roleDataScope.data_scope_id, dataScopeRule.data_scope_id))
    .innerJoin(userRole, eq(userRole.role_id, roleDataScope.role_id))
    .where(and(eq(userRole.user_id, user_id), inArray(dataScopeRule.data_rule_id, [...rule_ids])))
    .limit(1)
  return row !== undefined
}

/** Gives a scope exactly these rules. */
export async function replace(db: Db, data_scope_id: number, rule_ids: readonly number[]): Promise<void> {
  await removeOfScopes(db, [data_scope_id])
  if (rule_ids.length === 0) return
  await db.insert(dataScopeRule).values(rule_ids.map((data_rule_id) => ({ data_scope_id, data_rule_id })))
}

export async function removeOfScopes(db: Db, scope_ids: readonly number[]): Promise<void> {
  await db.delete(dataScopeRule).where(inArray(dataScopeRule.data_scope_id, [...scope_ids]))
}

export async function removeOfRules(db: Db, rule_ids: readonly number[]): Promise<void> {
  await db.delete(dataScopeRule).where(inArray(dataScopeRule.data_rule_id, [...rule_ids]))
}
