import type { UserInDept } from '#backend/app/admin/crud/user.crud'
import * as userRelationCrud from '#backend/app/admin/crud/user-relation.crud'
import type { DataRule } from '#backend/app/admin/model/data-rule.model'
import type { DataScope } from '#backend/app/admin/model/data-scope.model'
import type { Menu } from '#backend/app/admin/model/menu.model'
import type { Role } from '#backend/app/admin/model/role.model'
import type { Ctx } from '#backend/core/ctx'

export type RoleWithRelations = Role & { menus: Menu[]; scopes: (DataScope & { rules: DataRule[] })[] }
export type UserDetail = UserInDept & { roles: RoleWithRelations[] }

/** Users with their roles and all that hangs on those: four queries, however many users there are. */
export async function withRoles(ctx: Ctx, users: readonly UserInDept[]): Promise<UserDetail[]> {
  const roles = await userRelationCrud.listRoles(
    ctx.db,
    users.map(({ id }) => id),
  )
  const role_ids = [...new Set(roles.map(({ row }) => row.id))]
  const [menus, scopes] = await Promise.all([
    userRelationCrud.listMenus(ctx.db, role_ids),
    userRelationCrud.listScopes(ctx.db, role_ids),
  ])
  const scope_ids = [...new Set(scopes.map(({ row }) => row.id))]
  const rules = await userRelationCrud.listRules(ctx.db, scope_ids)
  const rolesOf = byOwner(roles)
  const menusOf = byOwner(menus)
  const scopesOf = byOwner(scopes)
  const rulesOf = byOwner(rules)
  const complete = (role: Role): RoleWithRelations => ({
    menus: menusOf(role.id),
    scopes: scopesOf(role.id).map((scope) => ({ rules: rulesOf(scope.id), ...scope })),
    ...role,
  })
  return users.map((user) => ({ roles: rolesOf(user.id).map(complete), ...user }))
}

function byOwner<T>(held: readonly userRelationCrud.Held<T>[]): (owner_id: number) => T[] {
  const rows = new Map<number, T[]>()
  for (const { owner_id, row } of held) {
    const known = rows.get(owner_id)
    if (known === undefined) rows.set(owner_id, [row])
    else known.push(row)
  }
  return (owner_id) => rows.get(owner_id) ?? []
}
