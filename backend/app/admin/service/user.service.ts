import * as deptCrud from '#backend/app/admin/crud/dept.crud'
import * as sessionCrud from '#backend/app/admin/crud/session.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import type { UserRow } from '#backend/app/admin/crud/user.crud'
import * as userCrud from '#backend/app/admin/crud/user.crud'
import * as historyCrud from '#backend/app/admin/crud/user-password-history.crud'
import * as userRelationCrud from '#backend/app/admin/crud/user-relation.crud'
import type { Dept } from '#backend/app/admin/model/dept.model'
import type { Role } from '#backend/app/admin/model/role.model'
import { type NewUser, userScoped } from '#backend/app/admin/model/user.model'
import type { CreateUser, UpdateUser, UserQuery } from '#backend/app/admin/schema/user.schema'
import * as deptService from '#backend/app/admin/service/dept.service'
import * as grantService from '#backend/app/admin/service/grant.service'
import * as passwordService from '#backend/app/admin/service/password.service'
import * as sessionService from '#backend/app/admin/service/session.service'
import * as superuserService from '#backend/app/admin/service/superuser.service'
import * as userDetailService from '#backend/app/admin/service/user-detail.service'
import { STATUS, type UserSwitch } from '#backend/common/enums'
import { Conflict, Forbidden, NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { assertSeen, scopeOf } from '#backend/common/row-scope'
import { changing, created, type Touched } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { isUniqueViolation } from '#backend/database/pg-error'

declare module '#backend/core/hooks' {
  interface HookPayloads {
    'user.created': { user_id: number }
    /** Its fields, roles or switches. */
    'user.updated': { user_id: number }
    /** The row is gone already. */
    'user.removed': { user_id: number; username: string }
  }
}

type UserDetail = userDetailService.UserDetail

export async function list(ctx: Ctx, query: UserQuery): Promise<Rows<UserDetail>> {
  const { items, total } = await userCrud.list(ctx.db, scopeOf(ctx.actor, userScoped), query, query)
  return { items: await userDetailService.withRoles(ctx, items), total }
}

export async function get(ctx: Ctx, id: number): Promise<UserDetail> {
  return detail(ctx, await userCrud.findInDept(ctx.db, scopeOf(ctx.actor, userScoped), id))
}

export async function roles(ctx: Ctx, id: number): Promise<Role[]> {
  const row = await userCrud.findById(ctx.db, scopeOf(ctx.actor, userScoped), id)
  if (row === undefined) throw new NotFound('user.not_found')
  const held = await userRelationCrud.listRoles(ctx.db, [id])
  return held.map((one) => one.row)
}

export async function create(ctx: Ctx, { password: plain, roles, ...fields }: CreateUser): Promise<UserDetail> {
  await passwordService.assertAcceptable(ctx, plain)
  const password = await passwordService.hash(ctx, plain)
  return unlessTaken(() =>
    withTx(ctx, async (ctx) => {
      await lockDept(ctx, fields.dept_id)
      await lockRoles(ctx, roles)
      await grantService.assertMayGrantRoles(ctx, roles)
      const row = await userCrud.insert(ctx.db, { ...fields, nickname: fields.nickname ?? fields.username, password })
      if (row === undefined) throw new Error('the user was not inserted')
      await userRelationCrud.addRoles(ctx.db, row.id, roles)
      await created(ctx, [tracked.users, tracked.userRoles], row)
      await ctx.hooks.run(ctx, 'user.created', { user_id: row.id })
      await ctx.actors.touch(ctx, [`user:${row.id}`])
      return detail(ctx, assertSeen(await userCrud.findInDept(ctx.db, scopeOf(ctx.actor, userScoped), row.id)))
    }),
  )
}

export async function update(ctx: Ctx, id: number, { roles, ...fields }: UpdateUser): Promise<void> {
  await unlessTaken(() =>
    withTx(ctx, async (ctx) => {
      const target = await lock(ctx, id)
      const dept = await changing(ctx, everythingOf(id), async (ctx) => {
        await replaceRoles(ctx, target, roles)
        const dept = fields.dept_id === target.dept_id ? undefined : await lockNextDept(ctx, target, fields.dept_id)
        await userCrud.update(ctx.db, scopeOf(ctx.actor, userScoped), id, fields)
        return dept
      })
      assertSeen(await userCrud.findById(ctx.db, scopeOf(ctx.actor, userScoped), id))
      if (target.is_superuser) await superuserService.assertOneRemains(ctx)
      // As when it is disabled with them in it: to be moved out again gives nobody their session back.
      if (dept?.status === STATUS.disabled) await sessionService.endOfUser(ctx, id, 'disabled')
      await ctx.hooks.run(ctx, 'user.updated', { user_id: id })
      await ctx.actors.touch(ctx, [`user:${id}`])
    }),
  )
}

export async function remove(ctx: Ctx, id: number): Promise<void> {
  if (id === ctx.actor.user_id) throw new Forbidden('user.delete_self')
  await withTx(ctx, async (ctx) => {
    const target = await lock(ctx, id)
    await changing(ctx, everythingOf(id), async (ctx) => {
      await userRelationCrud.removeAllRoles(ctx.db, id)
      await historyCrud.removeOfUser(ctx.db, id)
      await userCrud.remove(ctx.db, scopeOf(ctx.actor, userScoped), id)
    })
    if (target.is_superuser) await superuserService.assertOneRemains(ctx)
    await sessionService.endOfUser(ctx, id, 'deleted')
    await ctx.hooks.run(ctx, 'user.removed', { user_id: id, username: target.username })
    await ctx.actors.touch(ctx, [`user:${id}`])
  })
}

/**
 * Gives somebody a new password; it ends their sessions. Whoever sets a password can sign in with it, so it may not be
 * that of somebody who holds more.
 */
export async function resetPassword(ctx: Ctx, id: number, plain: string): Promise<void> {
  await assertMayReset(ctx, id)
  // Again of the locked row: they may have been moved, or given more, while the password was hashed.
  await passwordService.replace(ctx, { id }, plain, (ctx) => assertMayReset(ctx, id))
}

async function assertMayReset(ctx: Ctx, id: number): Promise<void> {
  const target = await userCrud.findById(ctx.db, scopeOf(ctx.actor, userScoped), id)
  if (target === undefined) throw new NotFound('user.not_found')
  superuserService.assertMayTouch(ctx, target)
  if (id !== ctx.actor.user_id)
    await grantService.assertMayGrantRoles(ctx, await userRelationCrud.listRoleIds(ctx.db, id))
}

const SWITCHED: Readonly<Record<UserSwitch, (row: UserRow) => Partial<NewUser>>> = {
  superuser: ({ is_superuser }) => ({ is_superuser: !is_superuser }),
  staff: ({ is_staff }) => ({ is_staff: !is_staff }),
  status: ({ status }) => ({ status: status === STATUS.enabled ? STATUS.disabled : STATUS.enabled }),
  multi_login: ({ is_multi_login }) => ({ is_multi_login: !is_multi_login }),
}

/** Turns one of a user's switches to the other side. */
export async function toggle(ctx: Ctx, id: number, which: UserSwitch): Promise<void> {
  if (id === ctx.actor.user_id) throw new Forbidden('user.own_permissions')
  await withTx(ctx, async (ctx) => {
    const target = await lock(ctx, id)
    const fields = SWITCHED[which](target)
    await changing(ctx, [[tracked.users, [id]]], () =>
      userCrud.update(ctx.db, scopeOf(ctx.actor, userScoped), id, fields),
    )
    if (target.is_superuser) await superuserService.assertOneRemains(ctx)
    if (fields.status === STATUS.disabled) await sessionService.endOfUser(ctx, id, 'disabled')
    if (fields.is_multi_login === false)
      await sessionService.endOfUser(ctx, id, 'other_login', await sessionCrud.findNewest(ctx.db, id))
    await ctx.hooks.run(ctx, 'user.updated', { user_id: id })
    await ctx.actors.touch(ctx, [`user:${id}`])
  })
}

/** Runs a change of users; what the unique indexes refuse is said in the terms of the field. */
export async function unlessTaken<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (error) {
    if (isUniqueViolation(error, 'ix_sys_user_username')) throw new Conflict('user.username_taken', { cause: error })
    if (isUniqueViolation(error, 'ix_sys_user_email')) throw new Conflict('user.email_taken', { cause: error })
    throw error
  }
}

const everythingOf = (id: number): Touched[] => [
  [tracked.users, [id]],
  [tracked.userRoles, [id]],
]

async function detail(ctx: Ctx, row: userCrud.UserInDept | undefined): Promise<UserDetail> {
  if (row === undefined) throw new NotFound('user.not_found')
  const [complete] = await userDetailService.withRoles(ctx, [row])
  return { ...row, roles: complete?.roles ?? [] }
}

/** The user to be changed, if the actor may see and change them. */
async function lock(ctx: Ctx, id: number): Promise<UserRow> {
  const row = await userCrud.lockById(ctx.db, scopeOf(ctx.actor, userScoped), id)
  if (row === undefined) throw new NotFound('user.not_found')
  superuserService.assertMayTouch(ctx, row)
  return row
}

async function lockRoles(ctx: Ctx, role_ids: readonly number[]): Promise<void> {
  const found = await userRelationCrud.lockRoles(ctx.db, role_ids)
  if (found.length < role_ids.length) throw new NotFound('role.not_found')
}

/** Only what is added is granted: what somebody else has given may stay. */
async function replaceRoles(ctx: Ctx, target: UserRow, role_ids: readonly number[]): Promise<void> {
  const held = await userRelationCrud.listRoleIds(ctx.db, target.id)
  const added = role_ids.filter((id) => !held.includes(id))
  const removed = held.filter((id) => !role_ids.includes(id))
  if (added.length === 0 && removed.length === 0) return
  if (target.id === ctx.actor.user_id) throw new Forbidden('user.own_permissions')
  await lockRoles(ctx, added)
  await grantService.assertMayGrantRoles(ctx, added)
  await userRelationCrud.removeRoles(ctx.db, target.id, removed)
  await userRelationCrud.addRoles(ctx.db, target.id, added)
}

/** Whoever is filtered sees rows by their department, so moving oneself would change one's own permissions. */
async function lockNextDept(ctx: Ctx, target: UserRow, dept_id: number | null): Promise<Dept | undefined> {
  if (target.id === ctx.actor.user_id && ctx.actor.is_filtered) throw new Forbidden('user.own_permissions')
  return dept_id === null ? undefined : lockDept(ctx, dept_id)
}

/** The department somebody is to be in, if the actor may see it. */
async function lockDept(ctx: Ctx, dept_id: number): Promise<Dept> {
  const row = await deptCrud.lockById(ctx.db, dept_id)
  if (row === undefined) throw new NotFound('dept.not_found')
  await deptService.assertStillSeen(ctx, dept_id)
  return row
}
