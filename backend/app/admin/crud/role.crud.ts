import { and, asc, count, desc, eq, inArray, type SQL } from 'drizzle-orm'
import { type NewRole, type Role, role } from '#backend/app/admin/model/role.model'
import { contains } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { Db } from '#backend/database/db'

export interface RoleFilter {
  name?: string | undefined
  status?: number | undefined
}

/** One page, newest first. */
export async function list(db: Db, filter: RoleFilter, { page, size }: PageQuery): Promise<Rows<Role>> {
  const where = matching(filter)
  const [items, [counted]] = await Promise.all([
    db
      .select()
      .from(role)
      .where(where)
      .orderBy(desc(role.id))
      .limit(size)
      .offset((page - 1) * size),
    db.select({ total: count() }).from(role).where(where),
  ])
  return { items, total: counted?.total ?? 0 }
}

function matching({ name, status }: RoleFilter): SQL | undefined {
  return and(contains(role.name, name), status === undefined ? undefined : eq(role.status, status))
}

export async function listAll(db: Db): Promise<Role[]> {
  return db.select().from(role).orderBy(asc(role.id))
}

export async function findById(db: Db, id: number): Promise<Role | undefined> {
  const [row] = await db.select().from(role).where(eq(role.id, id))
  return row
}

/** The row, held against other changes of it and of what hangs on it; naming it stays possible meanwhile. */
export async function lockForChange(db: Db, id: number): Promise<Role | undefined> {
  const [row] = await db.select().from(role).where(eq(role.id, id)).for('no key update')
  return row
}

/** Which of these roles exist, held so that nobody names one while it is removed; in order, against deadlocks. */
export async function lockForRemoval(db: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .select({ id: role.id })
    .from(role)
    .where(inArray(role.id, [...ids]))
    .orderBy(asc(role.id))
    .for('update')
  return rows.map(({ id }) => id)
}

/** Whether one of these roles lets its users see every row. */
export async function liftsFilter(db: Db, ids: readonly number[]): Promise<boolean> {
  const [row] = await db
    .select({ id: role.id })
    .from(role)
    .where(and(inArray(role.id, [...ids]), eq(role.is_filter_scopes, false)))
    .limit(1)
  return row !== undefined
}

export async function insert(db: Db, fields: NewRole): Promise<Role | undefined> {
  const [row] = await db.insert(role).values(fields).returning()
  return row
}

export async function update(db: Db, id: number, fields: Partial<NewRole>): Promise<Role | undefined> {
  const [row] = await db.update(role).set(fields).where(eq(role.id, id)).returning()
  return row
}

export async function remove(db: Db, ids: readonly number[]): Promise<void> {
  await db.delete(role).where(inArray(role.id, [...ids]))
}
