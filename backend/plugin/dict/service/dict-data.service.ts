import { Conflict, NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import * as dictDataCrud from '#backend/plugin/dict/crud/dict-data.crud'
import * as dictTypeCrud from '#backend/plugin/dict/crud/dict-type.crud'
import type { DictData } from '#backend/plugin/dict/model/dict-data.model'
import type { CreateDictData, DictDataQuery, UpdateDictData } from '#backend/plugin/dict/schema/dict-data.schema'
import { cachedValues, dropCached } from '#backend/plugin/dict/service/dict-cache'

export async function list(ctx: Ctx, query: DictDataQuery): Promise<Rows<DictData>> {
  return dictDataCrud.list(ctx.db, query, query)
}

export async function listAll(ctx: Ctx): Promise<DictData[]> {
  return dictDataCrud.listAll(ctx.db)
}

/** The values of a type in their order, those not to be chosen among them. */
export async function listOfCode(ctx: Ctx, code: string): Promise<readonly DictData[]> {
  const values = await cachedValues(ctx, code, async () => {
    const type = await dictTypeCrud.findByCode(ctx.db, code)
    return type === undefined ? undefined : dictDataCrud.listOfType(ctx.db, type.id)
  })
  if (values === undefined) throw new NotFound('dict.type_not_found')
  return values
}

export async function get(ctx: Ctx, id: number): Promise<DictData> {
  const row = await dictDataCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('dict.data_not_found')
  return row
}

export async function create(ctx: Ctx, fields: CreateDictData): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const type_code = await lockType(ctx, fields.type_id)
    await assertLabelFree(ctx, fields)
    const [row] = await dictDataCrud.insert(ctx.db, [{ ...fields, type_code }])
    await created(ctx, [dictDataCrud.tracked], row)
    await dropCached(ctx)
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateDictData): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await get(ctx, id)
    const type_code = await lockType(ctx, fields.type_id)
    await assertLabelFree(ctx, fields, id)
    const row = await changing(ctx, [[dictDataCrud.tracked, [id]]], () =>
      dictDataCrud.update(ctx.db, id, { ...fields, type_code }),
    )
    // Deleted meanwhile.
    if (row === undefined) throw new NotFound('dict.data_not_found')
    await dropCached(ctx)
  })
}

/** All of them or, when one is missing, none. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const removed = await changing(ctx, [[dictDataCrud.tracked, ids]], () => dictDataCrud.remove(ctx.db, ids))
    if (removed.length < ids.length) throw new NotFound('dict.data_not_found')
    await dropCached(ctx)
  })
}

/** Holds the type that a value goes into: it neither goes away nor takes another code or label meanwhile. */
async function lockType(ctx: Ctx, type_id: number): Promise<string> {
  const [type] = await dictTypeCrud.lockByIds(ctx.db, [type_id])
  if (type === undefined) throw new NotFound('dict.type_not_found')
  return type.code
}

/** The table has no constraint for it; changes of one type run one after the other. */
async function assertLabelFree(ctx: Ctx, { type_id, label }: CreateDictData, except_id?: number): Promise<void> {
  if (await dictDataCrud.isLabelTaken(ctx.db, type_id, label, except_id)) throw new Conflict('dict.label_taken')
}
