import { and, asc, count, desc, eq, inArray } from 'drizzle-orm'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import { concealed, hidesSecret } from '#backend/common/redact'
import type { Db } from '#backend/database/db'
import { type Fields, trackedRows } from '#backend/database/tracked-rows'
import { type ConfigRow, config, type NewConfigRow } from '#backend/plugin/config/model/config.model'

export interface ConfigFilter {
  name?: string | undefined
  type?: string | undefined
}

const ofType = (type: string | undefined) => (type === undefined ? undefined : eq(config.type, type))

/** One page, newest first. */
export async function list(db: Db, filter: ConfigFilter, { page, size }: PageQuery): Promise<Rows<ConfigRow>> {
  const where = and(contains(config.name, filter.name), ofType(filter.type))
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(config)
      .where(where)
      .orderBy(desc(config.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(config).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function listAll(db: Db, type: string | undefined): Promise<ConfigRow[]> {
  return db.select().from(config).where(ofType(type)).orderBy(asc(config.id))
}

/** The values by key, of those keys that there are. */
export async function valuesOf(db: Db, keys: readonly string[]): Promise<Record<string, string>> {
  const rows = await db
    .select({ key: config.key, value: config.value })
    .from(config)
    .where(inArray(config.key, [...keys]))
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]))
}

export async function findById(db: Db, id: number): Promise<ConfigRow | undefined> {
  const [row] = await db.select().from(config).where(eq(config.id, id))
  return row
}

export async function listIdsOf(db: Db, keys: readonly string[]): Promise<number[]> {
  const rows = await db
    .select({ id: config.id })
    .from(config)
    .where(inArray(config.key, [...keys]))
  return rows.map(({ id }) => id)
}

export async function listByIds(db: Db, ids: readonly number[]): Promise<ConfigRow[]> {
  return db
    .select()
    .from(config)
    .where(inArray(config.id, [...ids]))
}

/** Undefined when the key is taken. */
export async function insertIfNew(db: Db, fields: NewConfigRow): Promise<ConfigRow | undefined> {
  const [row] = await db.insert(config).values(fields).onConflictDoNothing({ target: config.key }).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewConfigRow>): Promise<void> {
  await db.update(config).set(fields).where(eq(config.id, id))
}

/** The ids that were there to be deleted. */
export async function remove(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .delete(config)
    .where(inArray(config.id, [...ids]))
    .returning({ id: config.id })
  return rows.map(({ id }) => id)
}

/** The value of a key that is named like a secret is one. */
const conceal = (row: Fields): Fields => (hidesSecret(String(row.key)) ? { ...row, value: concealed(row.value) } : row)

/** What the operation log shows the changes of. */
export const tracked = trackedRows(config, config.id, { conceal })
