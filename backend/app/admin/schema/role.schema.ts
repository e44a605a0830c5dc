import { z } from 'zod'
import { DataScopeWithRules } from '#backend/app/admin/schema/data-scope.schema'
import { MenuDetail } from '#backend/app/admin/schema/menu.schema'
import { PageQuery } from '#backend/common/paging'
import { DateTime, Id, name, nullable, Status, text } from '#backend/common/schema'

const NAME_MAX = 32
const REMARK_MAX = 1000
const LINKS_MAX = 10_000

export const RoleQuery = PageQuery.extend({
  name: text(NAME_MAX).optional().describe('Part of the name'),
  status: Status.optional(),
})
export type RoleQuery = z.output<typeof RoleQuery>

const fields = {
  name: name(NAME_MAX).describe('Name, unique'),
  status: Status,
  is_filter_scopes: z
    .boolean()
    .prefault(true)
    .describe("true: the rows that its users see follow the role's data scopes; false: they see every row"),
  remark: nullable(text(REMARK_MAX)).describe('Remark'),
}

export const CreateRole = z.object(fields)
export type CreateRole = z.output<typeof CreateRole>

/** A full replacement; menus and scopes are replaced on their own. */
export const UpdateRole = z.object(fields)
export type UpdateRole = z.output<typeof UpdateRole>

const ids = (description: string) =>
  z
    .array(Id)
    .max(LINKS_MAX)
    .describe(description)
    .overwrite((list) => [...new Set(list)])

export const UpdateRoleMenus = z.object({ menus: ids('Ids of all menus of the role; repeated ids count once') })
export const UpdateRoleScopes = z.object({ scopes: ids('Ids of all data scopes of the role; repeated ids count once') })

export const RoleDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    status: z.int(),
    is_filter_scopes: z.boolean(),
    remark: z.string().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A role')

export const RoleWithRelations = RoleDetail.extend({
  menus: z.array(MenuDetail),
  scopes: z.array(DataScopeWithRules),
}).describe('A role with its menus and data scopes')
