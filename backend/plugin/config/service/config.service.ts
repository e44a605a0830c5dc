import { Conflict, type FieldProblem, NotFound, Unprocessable } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { faultText, readSettings } from '#backend/core/settings'
import { lockXact } from '#backend/database/locks'
import { isUniqueViolation } from '#backend/database/pg-error'
import * as configCrud from '#backend/plugin/config/crud/config.crud'
import type { ConfigRow } from '#backend/plugin/config/model/config.model'
import type {
  ConfigQuery,
  CreateConfig,
  UpdateConfig,
  UpdateConfigs,
} from '#backend/plugin/config/schema/config.schema'
import {
  fits,
  isSecret,
  KNOWN_KEYS,
  MASK,
  overridesIn,
  twinsOf,
  withoutUnset,
} from '#backend/plugin/config/service/config-keys'

/** Changes run one after the other: values are looked at together. */
const CONFIG_LOCK = 'config'

/** What the groups that are switched on say instead of the environment. */
export async function overrides(ctx: Ctx): Promise<Readonly<Record<string, string>>> {
  return overridesIn(await configCrud.valuesOf(ctx.db, KNOWN_KEYS))
}

export async function list(ctx: Ctx, query: ConfigQuery): Promise<Rows<ConfigRow>> {
  const { items, total } = await configCrud.list(ctx.db, query, query)
  return { items: items.map(shown), total }
}

export async function listAll(ctx: Ctx, type: string | undefined): Promise<ConfigRow[]> {
  return (await configCrud.listAll(ctx.db, type)).map(shown)
}

export async function get(ctx: Ctx, id: number): Promise<ConfigRow> {
  const row = await configCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('config.not_found')
  return shown(row)
}

/** A secret is shown to nobody, only whether there is one. */
function shown(row: ConfigRow): ConfigRow {
  return isSecret(row.key) && row.value !== '' ? { ...row, value: MASK } : row
}

export async function create(ctx: Ctx, fields: CreateConfig): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, CONFIG_LOCK)
    const value = isSecret(fields.key) && fields.value === MASK ? '' : fields.value
    const row = await configCrud.insertIfNew(ctx.db, { ...fields, value })
    if (row === undefined) throw new Conflict('config.key_taken', { params: { key: fields.key } })
    await copyToTwins(ctx, [{ key: fields.key, value }])
    await created(ctx, [configCrud.tracked], row)
    await assertValuesFit(ctx, [{ ...fields, value, loc: ['body', 'value'] }])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateConfig): Promise<void> {
  await replace(ctx, [{ ...fields, id, loc: ['body', 'value'] }])
}

/** All of the rows or, when one is missing or does not fit, none. */
export async function updateAll(ctx: Ctx, rows: UpdateConfigs): Promise<void> {
  const ids = rows.map(({ id }) => id)
  const repeated = ids.findIndex((id, index) => ids.indexOf(id) < index)
  if (repeated >= 0)
    throw new Unprocessable([{ loc: ['body', repeated, 'id'], type: 'value_error', key: 'config.repeated_id' }])
  await replace(
    ctx,
    rows.map((row, index) => ({ ...row, loc: ['body', index, 'value'] })),
  )
}

/** All of the rows or, when one is missing, none. What a deleted one overrode is the environment's again. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, CONFIG_LOCK)
    const removed = await changing(ctx, [[configCrud.tracked, ids]], () => configCrud.remove(ctx.db, ids))
    if (removed.length < ids.length) throw new NotFound('config.not_found')
  })
}

type Loc = FieldProblem['loc']
interface Replacement extends UpdateConfig {
  id: number
  /** Where the request holds its value. */
  loc: Loc
}

async function replace(ctx: Ctx, replacements: readonly Replacement[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, CONFIG_LOCK)
    const ids = replacements.map(({ id }) => id)
    const stored = new Map((await configCrud.listByIds(ctx.db, ids)).map((row) => [row.id, row]))
    const changed: { key: string; value: string }[] = []
    for (const { id, loc, ...fields } of replacements) {
      const before = stored.get(id)
      if (before === undefined) throw new NotFound('config.not_found')
      const after = { ...fields, value: valueToStore(before, fields, loc) }
      // A page sends all of its rows: those that nobody has touched stay untouched.
      if (isSame(before, after)) continue
      await changing(ctx, [[configCrud.tracked, [id]]], () =>
        uniquely(fields.key, configCrud.update(ctx.db, id, after)),
      )
      if (after.value !== before.value) changed.push(after)
    }
    await copyToTwins(ctx, changed)
    await assertValuesFit(ctx, replacements)
  })
}

/** What was not typed in anew stays; but under another key, which might show it, it must be typed in. */
function valueToStore(before: ConfigRow, { key, value }: UpdateConfig, loc: Loc): string {
  const isUntouched = value === MASK || value === ''
  if (!isSecret(before.key) || !isUntouched) return isSecret(key) && value === MASK ? '' : value
  if (key === before.key) return before.value
  throw new Unprocessable([{ loc, type: 'value_error', key: 'config.secret_needed', params: { key } }])
}

function isSame(before: ConfigRow, after: UpdateConfig): boolean {
  return (['name', 'type', 'key', 'value', 'is_frontend', 'remark'] as const).every((one) => before[one] === after[one])
}

/** A switch with two names is one switch. */
async function copyToTwins(ctx: Ctx, changed: readonly { key: string; value: string }[]): Promise<void> {
  for (const { key, value } of changed)
    for (const id of await configCrud.listIdsOf(ctx.db, twinsOf(key)))
      await changing(ctx, [[configCrud.tracked, [id]]], () => configCrud.update(ctx.db, id, { value }))
}

/**
 * Once they are stored, so that values are looked at together, in the transaction that a refusal undoes. A group that
 * is off is looked at as if it were on: switching it on must not bring what does not fit.
 */
async function assertValuesFit(ctx: Ctx, given: readonly { key: string; value: string; loc: Loc }[]): Promise<void> {
  const { faults } = readSettings(ctx.config, withoutUnset(await configCrud.valuesOf(ctx.db, KNOWN_KEYS)))
  const problems = given.flatMap(({ key, value, loc }): FieldProblem[] => {
    const fault = faults.find(({ name }) => name === key)
    if (fault !== undefined) return [problem(loc, 'config.value_wrong', { key, reason: faultText(fault, ctx.locale) })]
    return fits(key, value) ? [] : [problem(loc, 'config.value_unfit', { key })]
  })
  if (problems.length > 0) throw new Unprocessable(problems)
}

function problem(loc: Loc, key: FieldProblem['key'], params: Record<string, string>): FieldProblem {
  return { loc, type: 'value_error', key, params }
}

async function uniquely<T>(key: string, change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (isUniqueViolation(error, 'sys_config_key_key')) throw new Conflict('config.key_taken', { params: { key } })
    throw error
  }
}
