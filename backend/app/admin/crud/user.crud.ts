import { and, count, eq, isNull, or } from 'drizzle-orm'
import { dept } from '#backend/app/admin/model/dept.model'
import { user } from '#backend/app/admin/model/user.model'
import { STATUS } from '#backend/common/enums'
import type { Db } from '#backend/database/db'

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
