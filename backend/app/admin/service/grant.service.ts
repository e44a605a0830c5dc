import * as menuCrud from '#backend/app/admin/crud/menu.crud'
import * as roleCrud from '#backend/app/admin/crud/role.crud'
import * as roleDataScopeCrud from '#backend/app/admin/crud/role-data-scope.crud'
import * as roleMenuCrud from '#backend/app/admin/crud/role-menu.crud'
import * as userRoleCrud from '#backend/app/admin/crud/user-role.crud'
import { splitCodes } from '#backend/common/codes'
import { Forbidden } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'

/*
 * Nobody gives what they do not hold: whoever may edit roles, menus or users could otherwise give themselves
 * everything. What is given counts whether it is enabled or not, for it may be enabled later. Superusers hold
 * everything.
 */

/** Codes the actor would give to others: each must be among their own. */
export function assertMayGrantCodes(ctx: Ctx, codes: readonly string[]): void {
  if (ctx.actor.is_superuser) return
  if (!codes.every((code) => ctx.actor.permissions.has(code))) throw new Forbidden('grant.beyond_own')
}

/** Menus the actor would give to others: held by one of their roles, or with no code that they lack. */
export async function assertMayGrantMenus(ctx: Ctx, menu_ids: readonly number[]): Promise<void> {
  if (ctx.actor.is_superuser) return
  const perms = await menuCrud.listPermsBeyond(ctx.db, menu_ids, ctx.actor.role_ids)
  assertMayGrantCodes(ctx, perms.flatMap(splitCodes))
}

/** Data scopes the actor would give to others: whoever is filtered gives only scopes of their own roles. */
export async function assertMayGrantScopes(ctx: Ctx, scope_ids: readonly number[]): Promise<void> {
  if (!ctx.actor.is_filtered || scope_ids.length === 0) return
  const own = new Set(await roleDataScopeCrud.listScopeIds(ctx.db, ctx.actor.role_ids))
  if (!scope_ids.every((id) => own.has(id))) throw new Forbidden('grant.beyond_own')
}

/** Only who sees every row lets others see every row. */
export function assertMayLiftFilter(ctx: Ctx): void {
  if (ctx.actor.is_filtered) throw new Forbidden('grant.beyond_own')
}

/** Roles the actor would give to others, with all that hangs on them. */
export async function assertMayGrantRoles(ctx: Ctx, role_ids: readonly number[]): Promise<void> {
  if (ctx.actor.is_superuser || role_ids.length === 0) return
  await assertMayGrantMenus(ctx, await roleMenuCrud.listMenuIds(ctx.db, role_ids))
  if (await roleCrud.liftsFilter(ctx.db, role_ids)) assertMayLiftFilter(ctx)
  await assertMayGrantScopes(ctx, await roleDataScopeCrud.listScopeIds(ctx.db, role_ids))
}

/** Nobody but a superuser changes what a role of their own gives; one that is disabled is their own too. */
export async function assertNotOwnRole(ctx: Ctx, ...role_ids: number[]): Promise<void> {
  if (ctx.actor.is_superuser) return
  if (await userRoleCrud.holdsAny(ctx.db, ctx.actor.user_id, role_ids)) throw new Forbidden('user.own_permissions')
}
