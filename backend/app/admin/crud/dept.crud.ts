import { and, asc, count, eq, ne, sql } from 'drizzle-orm'
import { type Dept, dept, type NewDept } from '#backend/app/admin/model/dept.model'
import { contains, startsWith } from '#backend/common/filters'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'

type Scope = RowScope<'Dept'>
const kept = eq(dept.del_flag, false)

export interface DeptFilter {
  name?: string | undefined
  leader?: string | undefined
  phone?: string | undefined
  status?: number | undefined
}

export async function list(db: Db, scope: Scope, filter: DeptFilter): Promise<Dept[]> {
  return db
    .select()
    .from(dept)
    .where(
      and(
        kept,
        scope.where,
        contains(dept.name, filter.name),
        contains(dept.leader, filter.leader),
        startsWith(dept.phone, filter.phone),
        filter.status === undefined ? undefined : eq(dept.status, filter.status),
      ),
    )
    .orderBy(asc(dept.sort), asc(dept.id))
}

export async function findById(db: Db, scope: Scope, id: number): Promise<Dept | undefined> {
  const [row] = await db
    .select()
    .from(dept)
    .where(and(eq(dept.id, id), kept, scope.where))
  return row
}

/** The row, locked so that it cannot go away before the transaction that names it ends. */
export async function lockById(db: Db, id: number): Promise<Dept | undefined> {
  const [row] = await db
    .select()
    .from(dept)
    .where(and(eq(dept.id, id), kept))
    .for('share')
  return row
}

export async function isNameTaken(db: Db, name: string, except_id = 0): Promise<boolean> {
  const [row] = await db
    .select({ id: dept.id })
    .from(dept)
    .where(and(eq(dept.name, name), kept, ne(dept.id, except_id)))
    .limit(1)
  return row !== undefined
}

/** Whether `id` is `below_id` itself or lies anywhere below it. */
export async function isWithin(db: Db, id: number, below_id: number): Promise<boolean> {
  const [row] = await db.execute<{ within: boolean }>(sql`
    with recursive above(id, parent_id) as (
      select id, parent_id from sys_dept where id = ${id}
      union
      select d.id, d.parent_id from sys_dept d join above a on d.id = a.parent_id
    )
    select exists (select 1 from above where id = ${below_id}) as within`)
  return row?.within === true
}

/** The department and all below it that are not deleted: what an actor in it has as `dept_tree`. */
export async function listTreeIds(db: Db, id: number): Promise<number[]> {
  const rows = await db.execute<{ id: string }>(sql`
    with recursive tree(id) as (
      select id from sys_dept where id = ${id}
      union
      select d.id from sys_dept d join tree t on d.parent_id = t.id where not d.del_flag
    )
    select id from tree order by id`)
  return rows.map((row) => Number(row.id))
}

export async function countChildren(db: Db, id: number): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(dept)
    .where(and(eq(dept.parent_id, id), kept))
  return row?.total ?? 0
}

export async function insert(db: Db, fields: NewDept): Promise<Dept | undefined> {
  const [row] = await db.insert(dept).values(fields).returning()
  return row
}

export async function update(db: Db, scope: Scope, id: number, fields: Partial<NewDept>): Promise<Dept | undefined> {
  const [row] = await db
    .update(dept)
    .set(fields)
    .where(and(eq(dept.id, id), kept, scope.where))
    .returning()
  return row
}

/** Marks the row as deleted; it stays for the records that name it. */
export async function remove(db: Db, scope: Scope, id: number): Promise<Dept | undefined> {
  return update(db, scope, id, { del_flag: true })
}
