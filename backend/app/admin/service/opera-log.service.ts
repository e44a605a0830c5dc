import * as operaLogCrud from '#backend/app/admin/crud/opera-log.crud'
import { type OperaLog, operaLogScoped } from '#backend/app/admin/model/opera-log.model'
import type { OperaLogExport, OperaLogQuery } from '#backend/app/admin/schema/opera-log.schema'
import { removeNoted } from '#backend/app/admin/service/audit-removal.service'
import * as logTombstoneService from '#backend/app/admin/service/log-tombstone.service'
import { NotFound, Unprocessable } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { scopeOf } from '#backend/common/row-scope'
import { type Ctx, withTx } from '#backend/core/ctx'
import { csvLine } from '#backend/utils/csv'

/** Beyond this many rows the total is estimated: to count them all would take longer than to show them. */
const COUNTED_MAX = 100_000

export interface OperaLogRows extends Rows<operaLogCrud.OperaLogRow> {
  total_is_estimate: boolean
  next_cursor: string | null
}

export async function list(ctx: Ctx, query: OperaLogQuery): Promise<OperaLogRows> {
  const { page, size, cursor, ...filter } = query
  const scope = scopeOf(ctx.actor, operaLogScoped)
  const from = cursor === undefined ? { offset: (page - 1) * size } : { after: parseCursor(cursor) }
  const [items, counted] = await Promise.all([
    // One more than is shown says whether there is a next page.
    operaLogCrud.list(ctx.db, scope, filter, from, size + 1),
    operaLogCrud.countUpTo(ctx.db, scope, filter, COUNTED_MAX),
  ])
  const shown = items.slice(0, size)
  const last = shown.at(-1)
  return { ...counted, items: shown, next_cursor: items.length > size && last !== undefined ? cursorOf(last) : null }
}

export async function get(ctx: Ctx, id: number): Promise<OperaLog> {
  const row = await operaLogCrud.findById(ctx.db, scopeOf(ctx.actor, operaLogScoped), id)
  if (row === undefined) throw new NotFound('opera_log.not_found')
  return row
}

const EXPORTED: readonly (keyof operaLogCrud.OperaLogRow)[] = [
  'id',
  'trace_id',
  'username',
  'method',
  'title',
  'path',
  'ip',
  'country',
  'region',
  'city',
  'user_agent',
  'os',
  'browser',
  'device',
  'args',
  'status',
  'code',
  'msg',
  'cost_time',
  'opera_time',
  'created_time',
]
const EXPORT_ROWS = 1_000

/** The rows of a filter as CSV, the newest first, piece by piece: however slowly they are read, no query waits for it. */
export async function* exportCsv(ctx: Ctx, filter: OperaLogExport): AsyncGenerator<string> {
  const scope = scopeOf(ctx.actor, operaLogScoped)
  // Spreadsheets take a file for UTF-8 by this mark only.
  yield `\uFEFF${csvLine(EXPORTED)}`
  let from: Parameters<typeof operaLogCrud.list>[3] = { offset: 0 }
  for (;;) {
    const rows = await operaLogCrud.list(ctx.db, scope, filter, from, EXPORT_ROWS)
    if (rows.length > 0) yield rows.map((row) => csvLine(EXPORTED.map((column) => row[column]))).join('')
    const last = rows.at(-1)
    if (last === undefined || rows.length < EXPORT_ROWS) return
    from = { after: last }
  }
}

/** All of the rows or none: one that is not there, or not to be seen, refuses the others. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const chosen = operaLogCrud.chosen(scopeOf(ctx.actor, operaLogScoped), ids)
    const removed = await removeNoted(ctx, chosen, 'delete')
    if (removed.removed_count < ids.length) throw new NotFound('opera_log.not_found')
    await logTombstoneService.record(ctx, 'opera', 'delete', removed)
  })
}

/** Removes every row that the actor may see. */
export async function clear(ctx: Ctx): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const { where } = scopeOf(ctx.actor, operaLogScoped)
    const removed = await removeNoted(ctx, where, 'clear')
    await logTombstoneService.record(ctx, 'opera', 'clear', removed)
  })
}

const cursorOf = ({ time_us, id }: operaLogCrud.Cursor): string => Buffer.from(`${time_us}.${id}`).toString('base64url')

function parseCursor(cursor: string): operaLogCrud.Cursor {
  const [, time_us, id] = /^(-?\d{1,18})\.(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (time_us === undefined || id === undefined)
    throw new Unprocessable([
      { loc: ['query', 'cursor'], type: 'value_error', key: 'validation.cursor', input: cursor },
    ])
  return { time_us, id: Number(id) }
}
