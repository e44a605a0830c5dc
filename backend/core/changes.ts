import { isDeepStrictEqual } from 'node:util'
import { hidesSecret, REDACTED, withoutUrlSecrets } from '#backend/common/redact'
import { type Ctx, withTx } from '#backend/core/ctx'
import type { Fields, RowId, TrackedRows } from '#backend/database/tracked-rows'

/** How a request changed a row: of a new one everything, of a removed one everything, else the fields that differ. */
export interface RowChange {
  readonly table: string
  readonly id: RowId
  readonly before: Fields | null
  readonly after: Fields | null
}

/** Rows that are about to be changed: where they are kept, and their ids. */
export type Touched = readonly [rows: TrackedRows, ids: readonly RowId[]]

/**
 * Runs `work` in a transaction; once it has committed, how these rows have changed belongs to the request's record. They
 * are locked here: whatever is to be locked before rows (the lock of a tree) is held by then.
 */
export async function changing<T>(ctx: Ctx, touched: readonly Touched[], work: (ctx: Ctx) => Promise<T>): Promise<T> {
  return withTx(ctx, async (ctx) => {
    const before = await readAll(ctx, touched)
    const result = await work(ctx)
    const after = await readAll(ctx, touched)
    const changes = touched.flatMap(([{ table }, ids], index) =>
      ids.flatMap((id) => rowChange(table, id, before[index]?.get(id) ?? null, after[index]?.get(id) ?? null)),
    )
    await ctx.afterCommit(async () => {
      ctx.changes.push(...changes)
    })
    return result
  })
}

/** Notes a row that the transaction has just made, with what lies in other tables of it. */
export async function created(ctx: Ctx, tables: readonly TrackedRows[], row: { id: RowId } | undefined): Promise<void> {
  if (row === undefined) throw new Error('nothing was inserted')
  const { id } = row
  const rows = await readAll(
    ctx,
    tables.map((one) => [one, [id]]),
  )
  const changes = tables.flatMap(({ table }, index) => rowChange(table, id, null, rows[index]?.get(id) ?? null))
  await ctx.afterCommit(async () => {
    ctx.changes.push(...changes)
  })
}

async function readAll(ctx: Ctx, touched: readonly Touched[]): Promise<ReadonlyMap<RowId, Fields>[]> {
  const found: ReadonlyMap<RowId, Fields>[] = []
  for (const [rows, ids] of touched) found.push(await rows.read(ctx.db, ids))
  return found
}

function rowChange(table: string, id: RowId, before: Fields | null, after: Fields | null): RowChange[] {
  if (before === null || after === null)
    return before === after ? [] : [{ table, id, before: shown(before), after: shown(after) }]
  const differing = Object.keys(after).filter((key) => !isDeepStrictEqual(before[key], after[key]))
  if (differing.length === 0) return []
  const pick = (fields: Fields) => Object.fromEntries(differing.map((key) => [key, fields[key]]))
  return [{ table, id, before: shown(pick(before)), after: shown(pick(after)) }]
}

const TEXT_MAX = 4_096
/** Of a list of links. */
const ITEMS_MAX = 1_000

/** A secret that has changed shows that it has, not what it is; of a long text or list the beginning, and how long it is. */
function shown(fields: Fields | null): Fields | null {
  if (fields === null) return null
  const entries = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(entries.map(([key, value]) => [key, hidesSecret(key) ? REDACTED : shownValue(value)]))
}

function shownValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value) && value.length > ITEMS_MAX)
    return [...value.slice(0, ITEMS_MAX), `[... ${value.length} items]`]
  if (typeof value !== 'string') return value
  const text = withoutUrlSecrets(value)
  return value.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}[... ${value.length} characters]` : text
}

const DIFF_BYTES_MAX = 64 * 1024
/** After so many that have no room the others are not tried: they can be many. */
const MISSES_MAX = 20

/** The changes of a request as JSON text of at most 64 KiB; null: none. What has no room is counted. */
export function changesJson(changes: readonly RowChange[]): string | null {
  if (changes.length === 0) return null
  const texts: string[] = []
  let bytes = 0
  let left_out = 0
  for (const change of changes) {
    const text = left_out < MISSES_MAX ? JSON.stringify(change) : undefined
    const text_bytes = text === undefined ? 0 : Buffer.byteLength(text) + 1
    if (text === undefined || bytes + text_bytes > DIFF_BYTES_MAX) {
      left_out += 1
      continue
    }
    bytes += text_bytes
    texts.push(text)
  }
  if (left_out > 0) texts.push(JSON.stringify({ truncated: true, left_out }))
  return `[${texts.join(',')}]`
}
