import { STATUS } from '#backend/common/enums'
import type { Ctx } from '#backend/core/ctx'
import * as dictDataCrud from '#backend/plugin/dict/crud/dict-data.crud'
import * as dictTypeCrud from '#backend/plugin/dict/crud/dict-type.crud'
import { DICTIONARIES } from '#backend/plugin/dict/seed/dictionaries'
import { dropCached } from '#backend/plugin/dict/service/dict-cache'

/** Inserts the types that are missing with their values. A type that is there stays as it is, with what it holds. */
export async function seed(ctx: Ctx): Promise<void> {
  for (const { code, name, values } of DICTIONARIES) {
    const type = await dictTypeCrud.insertIfNew(ctx.db, { code, name })
    if (type === undefined) continue
    await dictDataCrud.insert(
      ctx.db,
      values.map(([label, value, color], index) => ({
        type_id: type.id,
        type_code: code,
        label,
        value,
        color,
        sort: index + 1,
        status: STATUS.enabled,
      })),
    )
  }
  await dropCached(ctx)
}
