import { and, asc, count, desc, eq, inArray } from 'drizzle-orm'
import { type DataScope, dataScope, type NewDataScope } from '#backend/app/admin/model/data-scope.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'

export interface DataScopeFilter {
  name?: string | undefined
  status?: number | undefined
}

export async function list(db: Db, filter: DataScopeFilter, { page, size }: PageQuery): Promise<Rows<DataScope>> {
  const where = and(
    contains(dataScope.name, filter.name),
    filter.status === undefined ? undefined : eq(dataScope.status, filter.status),
  )
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(dataScope)
      .where(where)
      .orderBy(desc(dataScope.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(dataScope).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

export async function listAll(db: Db): Promise<DataScope[]> {
  return db.select().from(dataScope).orderBy(asc(dataScope.id))
}

export async function findById(db: Db, id: number): Promise<DataScope | undefined> {
  const [row] = await db.select().from(dataScope).where(eq(dataScope.id, id))
  return row
}

/** The row, locked for a change of what belongs to it: such changes of one scope run one after the other. */
export async function lockForChange(db: Db, id: number): Promise<DataScope | undefined> {
  const [row] = await db.select().from(dataScope).where(eq(dataScope.id, id)).for('update')
  return row
}

/** Whether one of the user's roles, enabled or not, carries one of the scopes. */
export async function isAnyHeldBy(db: Db, user_id: number, scope_ids: readonly number[]): Promise<boolean> {
  const [row] = await db
    .select({ id: roleDataScope.id })
    .from(roleDataScope)
    .innerJoin(userRole, eq(userRole.role_id, roleDataScope.role_id))
    .where(and(eq(userRole.user_id, user_id), inArray(roleDataScope.data_scope_id, [...scope_ids])))
    .limit(1)
  return row !== undefined
}

export async function insert(db: Db, fields: NewDataScope): Promise<DataScope | undefined> {
  const [row] = await db.insert(dataScope).values(fields).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewDataScope>): Promise<DataScope | undefined> {
  const [row] = await db.update(dataScope).set(fields).where(eq(dataScope.id, id)).returning()
  return row
}

/** The ids that were there to be deleted. */
export async function remove(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .delete(dataScope)
    .where(inArray(dataScope.id, [...ids]))
    .returning({ id: dataScope.id })
  return rows.map(({ id }) => id)
}
