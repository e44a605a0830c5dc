import * as deptCrud from '#backend/app/admin/crud/dept.crud'
import * as onlineSessionCrud from '#backend/app/admin/crud/online-session.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import * as userCrud from '#backend/app/admin/crud/user.crud'
import { type Dept, deptScoped } from '#backend/app/admin/model/dept.model'
import type { CreateDept, DeptQuery, UpdateDept } from '#backend/app/admin/schema/dept.schema'
import type * as sessionService from '#backend/app/admin/service/session.service'
import * as superuserService from '#backend/app/admin/service/superuser.service'
import { STATUS } from '#backend/common/enums'
import { Conflict, Forbidden, NotFound } from '#backend/common/errors'
import { assertSeen, everyRow, scopeOf } from '#backend/common/row-scope'
import { buildTree, type TreeNode } from '#backend/common/tree'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { lockXact } from '#backend/database/locks'

/** Changes of the tree run one after the other: two moves at once could close a cycle, two names be taken twice. */
const TREE_LOCK = 'sys_dept'
/** One event holds this many sessions. */
const EVENT_SESSIONS_MAX = 100

export async function get(ctx: Ctx, id: number): Promise<Dept> {
  const row = await deptCrud.findById(ctx.db, scopeOf(ctx.actor, deptScoped), id)
  if (row === undefined) throw new NotFound('dept.not_found')
  return row
}

export async function tree(ctx: Ctx, query: DeptQuery): Promise<TreeNode<Dept>[]> {
  return buildTree(await deptCrud.list(ctx.db, scopeOf(ctx.actor, deptScoped), query))
}

export async function create(ctx: Ctx, fields: CreateDept): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    if (await deptCrud.isNameTaken(ctx.db, fields.name)) throw new Conflict('dept.name_taken')
    await checkParent(ctx, fields.parent_id)
    const row = await deptCrud.insert(ctx.db, fields)
    if (row === undefined) throw new Error('the department was not inserted')
    await assertStillSeen(ctx, row.id)
    await created(ctx, [tracked.depts], row)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateDept): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    const before = await get(ctx, id)
    if (await deptCrud.isNameTaken(ctx.db, fields.name, id)) throw new Conflict('dept.name_taken')
    // Whoever may not see the department above may still change this one, as long as it stays there.
    if (fields.parent_id !== before.parent_id) await checkParent(ctx, fields.parent_id, id)
    await changing(ctx, [[tracked.depts, [id]]], () =>
      deptCrud.update(ctx.db, scopeOf(ctx.actor, deptScoped), id, fields),
    )
    await assertStillSeen(ctx, id)
    await superuserService.assertOneRemains(ctx)
    if (before.status === STATUS.enabled && fields.status === STATUS.disabled) await endSessionsOfMembers(ctx, id)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function remove(ctx: Ctx, id: number): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    await get(ctx, id)
    if ((await deptCrud.countChildren(ctx.db, id)) > 0) throw new Conflict('dept.has_children')
    await changing(ctx, [[tracked.depts, [id]]], () => deptCrud.remove(ctx.db, scopeOf(ctx.actor, deptScoped), id))
    // Counted after the row is locked by its update, so that nobody moves in meanwhile.
    if ((await userCrud.countInDept(ctx.db, id)) > 0) throw new Conflict('dept.has_users')
    await ctx.actors.touch(ctx, ['all'])
  })
}

/**
 * All at once, whoever the actor may not see included: a department that is enabled again gives nobody their session
 * back. The caller touches everybody's standing anyway.
 */
async function endSessionsOfMembers(ctx: Ctx, id: number): Promise<void> {
  const reason: sessionService.EndReason = 'disabled'
  const session_uuids = await onlineSessionCrud.endOfDept(ctx.db, id, reason)
  for (let start = 0; start < session_uuids.length; start += EVENT_SESSIONS_MAX)
    await ctx.events.emit(ctx, 'session.ended', {
      session_uuids: session_uuids.slice(start, start + EVENT_SESSIONS_MAX),
      reason,
    })
}

async function checkParent(ctx: Ctx, parent_id: number | null, own_id?: number): Promise<void> {
  if (parent_id === null) return
  if (own_id !== undefined && (await deptCrud.isWithin(ctx.db, parent_id, own_id)))
    throw new Forbidden('dept.own_ancestor')
  const parent = await deptCrud.findById(ctx.db, everyRow(deptScoped), parent_id)
  if (parent === undefined) throw new NotFound('dept.parent_not_found')
  assertSeen(await deptCrud.findById(ctx.db, scopeOf(ctx.actor, deptScoped), parent_id))
}

/** Decided by the tree as it is now: one made below the actor's own department is in it, one moved away no longer is. */
export async function assertStillSeen(ctx: Ctx, id: number): Promise<void> {
  const { dept_id, is_filtered } = ctx.actor
  if (!is_filtered) return
  const dept_tree = dept_id === null ? [] : await deptCrud.listTreeIds(ctx.db, dept_id)
  const actor = { ...ctx.actor, dept_tree }
  assertSeen(await deptCrud.findById(ctx.db, scopeOf(actor, deptScoped), id))
}
