import { Conflict, NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { isUniqueViolation } from '#backend/database/pg-error'
import * as dictDataCrud from '#backend/plugin/dict/crud/dict-data.crud'
import * as dictTypeCrud from '#backend/plugin/dict/crud/dict-type.crud'
import type { DictType } from '#backend/plugin/dict/model/dict-type.model'
import type { CreateDictType, DictTypeQuery, UpdateDictType } from '#backend/plugin/dict/schema/dict-type.schema'
import { dropCached } from '#backend/plugin/dict/service/dict-cache'

export async function list(ctx: Ctx, query: DictTypeQuery): Promise<Rows<DictType>> {
  return dictTypeCrud.list(ctx.db, query, query)
}

export async function listAll(ctx: Ctx): Promise<DictType[]> {
  return dictTypeCrud.listAll(ctx.db)
}

export async function get(ctx: Ctx, id: number): Promise<DictType> {
  const row = await dictTypeCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('dict.type_not_found')
  return row
}

export async function create(ctx: Ctx, fields: CreateDictType): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const row = await dictTypeCrud.insertIfNew(ctx.db, fields)
    if (row === undefined) throw new Conflict('dict.type_code_taken')
    await created(ctx, [dictTypeCrud.tracked], row)
    await dropCached(ctx)
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateDictType): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const [row] = await dictTypeCrud.lockByIds(ctx.db, [id])
    if (row === undefined) throw new NotFound('dict.type_not_found')
    await changing(ctx, [[dictTypeCrud.tracked, [id]]], () => uniquely(dictTypeCrud.update(ctx.db, id, fields)))
    if (fields.code !== row.code) await dictDataCrud.setTypeCode(ctx.db, id, fields.code)
    await dropCached(ctx)
  })
}

/** All of them or none; one that still has values stays, and so do the others. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const rows = await dictTypeCrud.lockByIds(ctx.db, ids)
    if (rows.length < ids.length) throw new NotFound('dict.type_not_found')
    if ((await dictDataCrud.countOfTypes(ctx.db, ids)) > 0) throw new Conflict('dict.type_has_data')
    await changing(ctx, [[dictTypeCrud.tracked, ids]], () => dictTypeCrud.remove(ctx.db, ids))
    await dropCached(ctx)
  })
}

async function uniquely<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (isUniqueViolation(error, 'sys_dict_type_code_key')) throw new Conflict('dict.type_code_taken')
    throw error
  }
}
