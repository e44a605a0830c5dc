import { and, count, desc, eq, getTableColumns, isNull, or, type SQL, sql } from 'drizzle-orm'
import { type Dept, dept } from '#backend/app/admin/model/dept.model'
import { type NewUser, type User, user } from '#backend/app/admin/model/user.model'
import { STATUS } from '#backend/common/enums'
import { contains, startsWith } from '#backend/common/filters'
import type { PageQuery, Rows } from '#backend/common/paging'
import type { RowScope } from '#backend/common/row-scope'
import type { Db } from '#backend/database/db'

type Scope = RowScope<'User'>

/** A user without the hash and its salt: only what compares passwords reads those. */
export type UserRow = Omit<User, 'password' | 'salt'>
const { password: _password, salt: _salt, ...shown } = getTableColumns(user)

export type UserInDept = UserRow & { dept: Dept | null }
export type Profile = UserRow & { dept: string | null; roles: string[] }

export interface UserFilter {
  dept?: number | undefined
  username?: string | undefined
  phone?: string | undefined
  status?: number | undefined
}

export async function list(db: Db, scope: Scope, filter: UserFilter, page: PageQuery): Promise<Rows<UserInDept>> {
  const where = and(
    scope.where,
    filter.dept === undefined ? undefined : eq(user.dept_id, filter.dept),
    contains(user.username, filter.username),
    startsWith(user.phone, filter.phone),
    filter.status === undefined ? undefined : eq(user.status, filter.status),
  )
  const [items, totals] = await Promise.all([
    inDepts(db, where)
      .orderBy(desc(user.id))
      .limit(page.size)
      .offset((page.page - 1) * page.size),
    db.select({ total: count() }).from(user).where(where),
  ])
  return { items: items.map(flatten), total: totals[0]?.total ?? 0 }
}

export async function findInDept(db: Db, scope: Scope, id: number): Promise<UserInDept | undefined> {
  const [row] = await inDepts(db, and(eq(user.id, id), scope.where))
  return row === undefined ? undefined : flatten(row)
}

const inDepts = (db: Db, where: SQL | undefined) =>
  db.select({ row: shown, dept }).from(user).leftJoin(dept, eq(dept.id, user.dept_id)).where(where).$dynamic()

const flatten = ({ row, dept }: { row: UserRow; dept: Dept | null }): UserInDept => ({ dept, ...row })

export async function findById(db: Db, scope: Scope, id: number): Promise<UserRow | undefined> {
  const [row] = await db
    .select(shown)
    .from(user)
    .where(and(eq(user.id, id), scope.where))
  return row
}

export async function findByUsername(db: Db, scope: Scope, username: string): Promise<UserRow | undefined> {
  const [row] = await db
    .select(shown)
    .from(user)
    .where(and(eq(user.username, username), scope.where))
  return row
}

const profile = {
  ...shown,
  dept: dept.name,
  roles: sql<string[]>`coalesce((
    select json_agg(held.name order by held.id) from (
      select distinct r.id, r.name from sys_user_role ur join sys_role r on r.id = ur.role_id
      where ur.user_id = ${user.id} and r.status = ${STATUS.enabled}) held), '[]')`,
}

/** A user as they see themselves: the names of their department and of their enabled roles, in one query. */
export async function findProfile(db: Db, id: number): Promise<Profile | undefined> {
  const [row] = await db.select(profile).from(user).leftJoin(dept, eq(dept.id, user.dept_id)).where(eq(user.id, id))
  return row
}

/** The row, locked until the transaction ends, so that what is decided by it still holds when it is written. */
export async function lockById(db: Db, scope: Scope, id: number): Promise<UserRow | undefined> {
  const [row] = await db
    .select(shown)
    .from(user)
    .where(and(eq(user.id, id), scope.where))
    .for('update')
  return row
}

/** As `lockById`, with the hash. */
export async function lockWithPassword(db: Db, id: number): Promise<User | undefined> {
  const [row] = await db.select().from(user).where(eq(user.id, id)).for('update')
  return row
}

/** The hash in use; null for an account that only signs in elsewhere. */
export async function findPassword(db: Db, id: number): Promise<string | null> {
  const [row] = await db.select({ password: user.password }).from(user).where(eq(user.id, id))
  return row?.password ?? null
}

/** Days until a password of this greatest age expires, begun ones included: 0 and less says that it has expired. */
export async function findDaysRemaining(db: Db, id: number, age_days_max: number): Promise<number | null> {
  const changed = sql`coalesce(${user.last_password_changed_time}, ${user.join_time})`
  const [row] = await db
    .select({
      days: sql<number>`ceil(extract(epoch from ${changed} + make_interval(days => ${age_days_max}) - now()) / 86400)::int`,
    })
    .from(user)
    .where(eq(user.id, id))
  return row?.days ?? null
}

export async function insert(db: Db, fields: NewUser): Promise<UserRow | undefined> {
  const [row] = await db.insert(user).values(fields).returning(shown)
  return row
}

export async function update(
  db: Db,
  scope: Scope,
  id: number,
  fields: Omit<Partial<NewUser>, 'password' | 'salt'>,
): Promise<UserRow | undefined> {
  const [row] = await db
    .update(user)
    .set(fields)
    .where(and(eq(user.id, id), scope.where))
    .returning(shown)
  return row
}

export async function setPassword(db: Db, id: number, password: string): Promise<void> {
  await db.update(user).set({ password, salt: null, last_password_changed_time: sql`now()` }).where(eq(user.id, id))
}

export async function remove(db: Db, scope: Scope, id: number): Promise<void> {
  await db.delete(user).where(and(eq(user.id, id), scope.where))
}

export async function countInDept(db: Db, dept_id: number): Promise<number> {
  const [row] = await db.select({ total: count() }).from(user).where(eq(user.dept_id, dept_id))
  return row?.total ?? 0
}

/** Whether a superuser is left who can sign in: enabled, and in no department or an enabled one. */
export async function hasUsableSuperuser(db: Db): Promise<boolean> {
  const [row] = await db
    .select({ id: user.id })
    .from(user)
    .leftJoin(dept, eq(dept.id, user.dept_id))
    .where(
      and(
        user.is_superuser,
        eq(user.status, STATUS.enabled),
        or(isNull(user.dept_id), and(eq(dept.status, STATUS.enabled), eq(dept.del_flag, false))),
      ),
    )
    .limit(1)
  return row !== undefined
}
