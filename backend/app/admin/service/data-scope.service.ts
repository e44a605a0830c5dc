import * as dataRuleCrud from '#backend/app/admin/crud/data-rule.crud'
import * as dataScopeCrud from '#backend/app/admin/crud/data-scope.crud'
import * as dataScopeRuleCrud from '#backend/app/admin/crud/data-scope-rule.crud'
import * as roleDataScopeCrud from '#backend/app/admin/crud/role-data-scope.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import type { DataRule } from '#backend/app/admin/model/data-rule.model'
import type { DataScope } from '#backend/app/admin/model/data-scope.model'
import type { CreateDataScope, DataScopeQuery, UpdateDataScope } from '#backend/app/admin/schema/data-scope.schema'
import { Conflict, Forbidden, NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { lockXact } from '#backend/database/locks'
import { isUniqueViolation } from '#backend/database/pg-error'

/**
 * Changes of what scopes and rules say, of what they are joined to, and their deletion run one after the other: a rule
 * could otherwise join the changer's own scope between the check and the change, or two deletions wait for each other.
 */
export const DATA_PERMISSION_LOCK = 'data_permission'

export async function list(ctx: Ctx, query: DataScopeQuery): Promise<Rows<DataScope>> {
  return dataScopeCrud.list(ctx.db, query, query)
}

export async function listAll(ctx: Ctx): Promise<DataScope[]> {
  return dataScopeCrud.listAll(ctx.db)
}

export async function get(ctx: Ctx, id: number): Promise<DataScope> {
  const row = await dataScopeCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('data_scope.not_found')
  return row
}

export async function getWithRules(ctx: Ctx, id: number): Promise<DataScope & { rules: DataRule[] }> {
  const row = await get(ctx, id)
  return { ...row, rules: await dataRuleCrud.listOfScope(ctx.db, id) }
}

export async function create(ctx: Ctx, fields: CreateDataScope): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const row = await uniquely(dataScopeCrud.insert(ctx.db, fields))
    await created(ctx, [tracked.dataScopes], row)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateDataScope): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockForChange(ctx, id)
    await changing(ctx, [[tracked.dataScopes, [id]]], () => uniquely(dataScopeCrud.update(ctx.db, id, fields)))
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function replaceRules(ctx: Ctx, id: number, rule_ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockForChange(ctx, id)
    const found = await dataRuleCrud.lockByIds(ctx.db, rule_ids)
    if (found.length < rule_ids.length) throw new NotFound('data_rule.not_found')
    await changing(ctx, [[tracked.dataScopeRules, [id]]], () => dataScopeRuleCrud.replace(ctx.db, id, rule_ids))
    await ctx.actors.touch(ctx, ['all'])
  })
}

/** Deletes all of them or none, and takes them from the roles that hold them. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, DATA_PERMISSION_LOCK)
    await changing(
      ctx,
      [
        [tracked.dataScopes, ids],
        [tracked.dataScopeRules, ids],
        [tracked.dataScopeRoles, ids],
      ],
      async (ctx) => {
        const removed = await dataScopeCrud.remove(ctx.db, ids)
        if (removed.length < ids.length) throw new NotFound('data_scope.not_found')
        await assertNotOwn(ctx, ids)
        await dataScopeRuleCrud.removeOfScopes(ctx.db, ids)
        await roleDataScopeCrud.removeOfScopes(ctx.db, ids)
      },
    )
    await ctx.actors.touch(ctx, ['all'])
  })
}

async function lockForChange(ctx: Ctx, id: number): Promise<void> {
  await lockXact(ctx.db, DATA_PERMISSION_LOCK)
  const row = await dataScopeCrud.lockForChange(ctx.db, id)
  if (row === undefined) throw new NotFound('data_scope.not_found')
  await assertNotOwn(ctx, [id])
}

/** Nobody but a superuser changes what decides which rows they see; a disabled scope counts, for it can be enabled. */
async function assertNotOwn(ctx: Ctx, ids: readonly number[]): Promise<void> {
  if (ctx.actor.is_superuser) return
  if (await dataScopeCrud.isAnyHeldBy(ctx.db, ctx.actor.user_id, ids)) throw new Forbidden('user.own_permissions')
}

async function uniquely<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (isUniqueViolation(error, 'sys_data_scope_name_key')) throw new Conflict('data_scope.name_taken')
    throw error
  }
}
