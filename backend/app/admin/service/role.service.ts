import * as menuCrud from '#backend/app/admin/crud/menu.crud'
import * as roleCrud from '#backend/app/admin/crud/role.crud'
import * as roleDataScopeCrud from '#backend/app/admin/crud/role-data-scope.crud'
import * as roleMenuCrud from '#backend/app/admin/crud/role-menu.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import * as userRelationCrud from '#backend/app/admin/crud/user-relation.crud'
import * as userRoleCrud from '#backend/app/admin/crud/user-role.crud'
import type { DataRule } from '#backend/app/admin/model/data-rule.model'
import type { DataScope } from '#backend/app/admin/model/data-scope.model'
import type { Menu } from '#backend/app/admin/model/menu.model'
import type { Role } from '#backend/app/admin/model/role.model'
import type { CreateRole, RoleQuery, UpdateRole } from '#backend/app/admin/schema/role.schema'
import * as grantService from '#backend/app/admin/service/grant.service'
import { STATUS } from '#backend/common/enums'
import { Conflict, NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { buildTree, type TreeNode } from '#backend/common/tree'
import { changing, created, type Touched } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { isUniqueViolation } from '#backend/database/pg-error'

export interface RoleRelations {
  menus: Menu[]
  scopes: (DataScope & { rules: DataRule[] })[]
}

export async function list(ctx: Ctx, query: RoleQuery): Promise<Rows<Role>> {
  return roleCrud.list(ctx.db, query, query)
}

export async function listAll(ctx: Ctx): Promise<Role[]> {
  return roleCrud.listAll(ctx.db)
}

export async function get(ctx: Ctx, id: number): Promise<Role> {
  const row = await roleCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('role.not_found')
  return row
}

export async function getWithRelations(ctx: Ctx, id: number): Promise<Role & RoleRelations> {
  const row = await get(ctx, id)
  const menus = await menuCrud.listOfRole(ctx.db, id)
  const scopes = (await userRelationCrud.listScopes(ctx.db, [id])).map((held) => held.row)
  const rules = await userRelationCrud.listRules(
    ctx.db,
    scopes.map((scope) => scope.id),
  )
  const rulesOf = (scope: DataScope) => rules.filter(({ owner_id }) => owner_id === scope.id).map((held) => held.row)
  return { ...row, menus, scopes: scopes.map((scope) => ({ ...scope, rules: rulesOf(scope) })) }
}

export async function menuTree(ctx: Ctx, id: number): Promise<TreeNode<Menu>[]> {
  await get(ctx, id)
  return buildTree(await menuCrud.listOfRole(ctx.db, id))
}

export async function listScopeIds(ctx: Ctx, id: number): Promise<number[]> {
  await get(ctx, id)
  return roleDataScopeCrud.listScopeIds(ctx.db, [id])
}

export async function create(ctx: Ctx, fields: CreateRole): Promise<void> {
  if (!fields.is_filter_scopes) grantService.assertMayLiftFilter(ctx)
  await withTx(ctx, async (ctx) => {
    const row = await uniquely(roleCrud.insert(ctx.db, fields))
    await created(ctx, [tracked.roles], row)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateRole): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const before = await lockForChange(ctx, id)
    const filterChanges = before.is_filter_scopes !== fields.is_filter_scopes
    const statusChanges = before.status !== fields.status
    if (filterChanges || statusChanges) await grantService.assertNotOwnRole(ctx, id)
    if (filterChanges && !fields.is_filter_scopes) grantService.assertMayLiftFilter(ctx)
    // To enable a role is to give it to everybody who is in it.
    if (statusChanges && fields.status === STATUS.enabled) await grantService.assertMayGrantRoles(ctx, [id])
    await changing(ctx, [[tracked.roles, [id]]], () => uniquely(roleCrud.update(ctx.db, id, fields)))
    await ctx.actors.touch(ctx, ['all'])
  })
}

/** Deletes all of them or none; users who have one lose it. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const found = await roleCrud.lockForRemoval(ctx.db, ids)
    if (found.length < ids.length) throw new NotFound('role.not_found')
    await grantService.assertNotOwnRole(ctx, ...ids)
    await changing(ctx, [...everythingOf(ids), [tracked.roleUsers, ids]], async (ctx) => {
      await userRoleCrud.removeOfRoles(ctx.db, ids)
      await roleMenuCrud.removeOfRoles(ctx.db, ids)
      await roleDataScopeCrud.removeOfRoles(ctx.db, ids)
      await roleCrud.remove(ctx.db, ids)
    })
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function replaceMenus(ctx: Ctx, id: number, menu_ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockForChange(ctx, id)
    await grantService.assertNotOwnRole(ctx, id)
    const found = await menuCrud.lockByIds(ctx.db, menu_ids)
    if (found.length < menu_ids.length) throw new NotFound('menu.not_found')
    const added = without(menu_ids, await roleMenuCrud.listMenuIds(ctx.db, [id]))
    await grantService.assertMayGrantMenus(ctx, added)
    await changing(ctx, [[tracked.roleMenus, [id]]], () => roleMenuCrud.replace(ctx.db, id, menu_ids))
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function replaceScopes(ctx: Ctx, id: number, scope_ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockForChange(ctx, id)
    await grantService.assertNotOwnRole(ctx, id)
    const found = await roleDataScopeCrud.lockScopes(ctx.db, scope_ids)
    if (found.length < scope_ids.length) throw new NotFound('data_scope.not_found')
    const added = without(scope_ids, await roleDataScopeCrud.listScopeIds(ctx.db, [id]))
    await grantService.assertMayGrantScopes(ctx, added)
    await changing(ctx, [[tracked.roleDataScopes, [id]]], () => roleDataScopeCrud.replace(ctx.db, id, scope_ids))
    await ctx.actors.touch(ctx, ['all'])
  })
}

const everythingOf = (ids: readonly number[]): Touched[] => [
  [tracked.roles, ids],
  [tracked.roleMenus, ids],
  [tracked.roleDataScopes, ids],
]

/** Changes of one role, and of what it gives, run one after the other. */
async function lockForChange(ctx: Ctx, id: number): Promise<Role> {
  const row = await roleCrud.lockForChange(ctx.db, id)
  if (row === undefined) throw new NotFound('role.not_found')
  return row
}

/** What a role gives already stays, whoever sends it along; only what is new is a gift. */
function without(ids: readonly number[], known: readonly number[]): number[] {
  const present = new Set(known)
  return ids.filter((id) => !present.has(id))
}

async function uniquely<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (isUniqueViolation(error, 'sys_role_name_key')) throw new Conflict('role.name_taken')
    throw error
  }
}
