import { and, asc, count, desc, eq, inArray } from 'drizzle-orm'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'
import { trackedRows } from '#backend/database/tracked-rows'
import { type DictType, dictType, type NewDictType } from '#backend/plugin/dict/model/dict-type.model'

export interface DictTypeFilter {
  name?: string | undefined
  code?: string | undefined
}

/** One page, newest first. */
export async function list(db: Db, filter: DictTypeFilter, { page, size }: PageQuery): Promise<Rows<DictType>> {
  const where = and(contains(dictType.name, filter.name), contains(dictType.code, filter.code))
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(dictType)
      .where(where)
      .orderBy(desc(dictType.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(dictType).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function listAll(db: Db): Promise<DictType[]> {
  return db.select().from(dictType).orderBy(asc(dictType.id))
}

export async function findById(db: Db, id: number): Promise<DictType | undefined> {
  const [row] = await db.select().from(dictType).where(eq(dictType.id, id))
  return row
}

export async function findByCode(db: Db, code: string): Promise<DictType | undefined> {
  const [row] = await db.select().from(dictType).where(eq(dictType.code, code))
  return row
}

/** The rows, locked in one order: changes of a type and of its values run one after the other. */
export async function lockByIds(db: Db, ids: readonly number[]): Promise<DictType[]> {
  return db
    .select()
    .from(dictType)
    .where(inArray(dictType.id, [...ids]))
    .orderBy(asc(dictType.id))
    .for('update')
}

/** Undefined when the code is taken. */
export async function insertIfNew(db: Db, fields: NewDictType): Promise<DictType | undefined> {
  const [row] = await db.insert(dictType).values(fields).onConflictDoNothing({ target: dictType.code }).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewDictType>): Promise<DictType | undefined> {
  const [row] = await db.update(dictType).set(fields).where(eq(dictType.id, id)).returning()
  return row
}

export async function remove(db: Db, ids: readonly number[]): Promise<void> {
  await db.delete(dictType).where(inArray(dictType.id, [...ids]))
}

/** What the operation log shows the changes of. */
export const tracked = trackedRows(dictType, dictType.id)
