import { asc, count, desc, eq, inArray } from 'drizzle-orm'
import { type DataRule, dataRule, type NewDataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'

export interface DataRuleFilter {
  name?: string | undefined
}

export async function list(db: Db, filter: DataRuleFilter, { page, size }: PageQuery): Promise<Rows<DataRule>> {
  const where = contains(dataRule.name, filter.name)
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(dataRule)
      .where(where)
      .orderBy(desc(dataRule.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(dataRule).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function listAll(db: Db): Promise<DataRule[]> {
  return db.select().from(dataRule).orderBy(asc(dataRule.id))
}

export async function listOfScope(db: Db, scope_id: number): Promise<DataRule[]> {
  const ids = db
    .select({ id: dataScopeRule.data_rule_id })
    .from(dataScopeRule)
    .where(eq(dataScopeRule.data_scope_id, scope_id))
  return db.select().from(dataRule).where(inArray(dataRule.id, ids)).orderBy(asc(dataRule.id))
}

export async function findById(db: Db, id: number): Promise<DataRule | undefined> {
  const [row] = await db.select().from(dataRule).where(eq(dataRule.id, id))
  return row
}

/** Which of the ids exist; their rows stay until the transaction ends. */
export async function lockByIds(db: Db, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return []
  const rows = await db
    .select({ id: dataRule.id })
    .from(dataRule)
    .where(inArray(dataRule.id, [...ids]))
    .orderBy(asc(dataRule.id))
    .for('key share')
  return rows.map(({ id }) => id)
}

export async function insert(db: Db, fields: NewDataRule): Promise<DataRule | undefined> {
  const [row] = await db.insert(dataRule).values(fields).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewDataRule>): Promise<DataRule | undefined> {
  const [row] = await db.update(dataRule).set(fields).where(eq(dataRule.id, id)).returning()
  return row
}

/** The ids that were there to be deleted. */
export async function remove(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .delete(dataRule)
    .where(inArray(dataRule.id, [...ids]))
    .returning({ id: dataRule.id })
  return rows.map(({ id }) => id)
}
