import * as dataRuleCrud from '#backend/app/admin/crud/data-rule.crud'
import * as dataScopeRuleCrud from '#backend/app/admin/crud/data-scope-rule.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import type { DataRule } from '#backend/app/admin/model/data-rule.model'
import type {
  CreateDataRule,
  DataRuleQuery,
  RuleChoice,
  UpdateDataRule,
} from '#backend/app/admin/schema/data-rule.schema'
import { DATA_PERMISSION_LOCK } from '#backend/app/admin/service/data-scope.service'
import { Conflict, Forbidden, NotFound, Unprocessable } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { ALL_MODELS } from '#backend/common/row-scope'
import { findRuleFault } from '#backend/common/rule-check'
import { VALUE_VARIABLES } from '#backend/common/rule-value'
import { changing, created, type Touched } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { lockXact } from '#backend/database/locks'
import { isUniqueViolation } from '#backend/database/pg-error'
import { COLUMN_VARIABLES, type ColumnVariable, ruleColumn } from '#backend/database/scoped-model'

const VARIABLE_COMMENTS: Readonly<Record<ColumnVariable, string>> = {
  __dept_id__: '所属部门 ID',
  __created_by__: '创建人 ID',
}

export async function list(ctx: Ctx, query: DataRuleQuery): Promise<Rows<DataRule>> {
  return dataRuleCrud.list(ctx.db, query, query)
}

export async function listAll(ctx: Ctx): Promise<DataRule[]> {
  return dataRuleCrud.listAll(ctx.db)
}

export async function get(ctx: Ctx, id: number): Promise<DataRule> {
  const row = await dataRuleCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('data_rule.not_found')
  return row
}

/** What a rule may select rows of. */
export function models(ctx: Ctx): string[] {
  return [ALL_MODELS, ...ctx.scoped_models.keys()]
}

/** What a rule for the model may compare: the variables it has a column for, then the columns it declares. */
export function columns(ctx: Ctx, name: string): RuleChoice[] {
  if (name === ALL_MODELS) return COLUMN_VARIABLES.map(variableChoice)
  const model = ctx.scoped_models.get(name)
  if (model === undefined) throw new NotFound('data_rule.model_not_found')
  const variables = COLUMN_VARIABLES.filter((key) => ruleColumn(model, key) !== undefined)
  const declared = Object.entries(model.columns).map(([key, { comment }]) => ({ key, comment }))
  return [...variables.map(variableChoice), ...declared]
}

export function valueVariables(): RuleChoice[] {
  return Object.entries(VALUE_VARIABLES).map(([key, { comment }]) => ({ key, comment }))
}

export async function create(ctx: Ctx, fields: CreateDataRule): Promise<void> {
  assertCompiles(ctx, fields)
  await withTx(ctx, async (ctx) => {
    const row = await uniquely(dataRuleCrud.insert(ctx.db, fields))
    await created(ctx, [tracked.dataRules], row)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateDataRule): Promise<void> {
  assertCompiles(ctx, fields)
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, DATA_PERMISSION_LOCK)
    await get(ctx, id)
    await assertNotOwn(ctx, [id])
    await changing(ctx, [[tracked.dataRules, [id]]], () => uniquely(dataRuleCrud.update(ctx.db, id, fields)))
    await ctx.actors.touch(ctx, ['all'])
  })
}

/** Deletes all of them or none, and takes them from the scopes that hold them. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, DATA_PERMISSION_LOCK)
    const touched: Touched[] = [
      [tracked.dataRules, ids],
      [tracked.dataRuleScopes, ids],
    ]
    await changing(ctx, touched, async (ctx) => {
      const removed = await dataRuleCrud.remove(ctx.db, ids)
      if (removed.length < ids.length) throw new NotFound('data_rule.not_found')
      await assertNotOwn(ctx, ids)
      await dataScopeRuleCrud.removeOfRules(ctx.db, ids)
    })
    await ctx.actors.touch(ctx, ['all'])
  })
}

/** A rule that could not be compiled would hide rows without a word, so it is refused with what is wrong. */
function assertCompiles(ctx: Ctx, fields: CreateDataRule): void {
  const fault = findRuleFault(ctx.scoped_models, fields)
  if (fault === undefined) return
  const { field, ...problem } = fault
  throw new Unprocessable([{ loc: ['body', field], type: 'value_error', input: fields[field], ...problem }])
}

/** Nobody but a superuser changes what decides which rows they see. */
async function assertNotOwn(ctx: Ctx, ids: readonly number[]): Promise<void> {
  if (ctx.actor.is_superuser) return
  if (await dataScopeRuleCrud.isAnyHeldBy(ctx.db, ctx.actor.user_id, ids)) throw new Forbidden('user.own_permissions')
}

async function uniquely<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (isUniqueViolation(error, 'sys_data_rule_name_key')) throw new Conflict('data_rule.name_taken')
    throw error
  }
}

function variableChoice(key: ColumnVariable): RuleChoice {
  return { key, comment: VARIABLE_COMMENTS[key] }
}
