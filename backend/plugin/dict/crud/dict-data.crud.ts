import { and, asc, count, eq, inArray, ne, type SQL } from 'drizzle-orm'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'
import { trackedRows } from '#backend/database/tracked-rows'
import { type DictData, dictData, type NewDictData } from '#backend/plugin/dict/model/dict-data.model'

export interface DictDataFilter {
  type_code?: string | undefined
  label?: string | undefined
  value?: string | undefined
  status?: number | undefined
  type_id?: number | undefined
}

/** As people read them: type by type, each in its order. */
const READING_ORDER = [asc(dictData.type_id), asc(dictData.sort), asc(dictData.id)]

export async function list(db: Db, filter: DictDataFilter, { page, size }: PageQuery): Promise<Rows<DictData>> {
  const where = and(
    filter.type_code === undefined ? undefined : eq(dictData.type_code, filter.type_code),
    contains(dictData.label, filter.label),
    contains(dictData.value, filter.value),
    filter.status === undefined ? undefined : eq(dictData.status, filter.status),
    filter.type_id === undefined ? undefined : eq(dictData.type_id, filter.type_id),
  )
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(dictData)
      .where(where)
      .orderBy(...READING_ORDER)
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(dictData).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function listAll(db: Db): Promise<DictData[]> {
  return db
    .select()
    .from(dictData)
    .orderBy(...READING_ORDER)
}

export async function listOfType(db: Db, type_id: number): Promise<DictData[]> {
  return db
    .select()
    .from(dictData)
    .where(eq(dictData.type_id, type_id))
    .orderBy(...READING_ORDER)
}

export async function findById(db: Db, id: number): Promise<DictData | undefined> {
  const [row] = await db.select().from(dictData).where(eq(dictData.id, id))
  return row
}

export async function countOfTypes(db: Db, type_ids: readonly number[]): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(dictData)
    .where(inArray(dictData.type_id, [...type_ids]))
  return row?.total ?? 0
}

export async function isLabelTaken(db: Db, type_id: number, label: string, except_id = 0): Promise<boolean> {
  const [row] = await db
    .select({ id: dictData.id })
    .from(dictData)
    .where(and(eq(dictData.type_id, type_id), eq(dictData.label, label), ne(dictData.id, except_id)))
    .limit(1)
  return row !== undefined
}

export async function insert(db: Db, rows: readonly NewDictData[]): Promise<DictData[]> {
  return db
    .insert(dictData)
    .values([...rows])
    .returning()
}

export async function update(db: Db, id: number, fields: Partial<NewDictData>): Promise<DictData | undefined> {
  const [row] = await db.update(dictData).set(fields).where(eq(dictData.id, id)).returning()
  return row
}

/** Gives the values of a type its code; they count as unchanged. */
export async function setTypeCode(db: Db, type_id: number, type_code: string): Promise<void> {
  await db
    .update(dictData)
    .set({ type_code, updated_time: dictData.updated_time })
    .where(inArray(dictData.id, lockedIds(db, eq(dictData.type_id, type_id))))
}

/** The ids that were there to be deleted. */
export async function remove(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .delete(dictData)
    .where(inArray(dictData.id, lockedIds(db, inArray(dictData.id, [...ids]))))
    .returning({ id: dictData.id })
  return rows.map(({ id }) => id)
}

/** In one order, so that two changes of the same rows never wait for each other. */
function lockedIds(db: Db, where: SQL) {
  return db.select({ id: dictData.id }).from(dictData).where(where).orderBy(asc(dictData.id)).for('update')
}

/** What the operation log shows the changes of. */
export const tracked = trackedRows(dictData, dictData.id)
