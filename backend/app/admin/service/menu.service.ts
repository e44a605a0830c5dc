import * as menuCrud from '#backend/app/admin/crud/menu.crud'
import * as roleMenuCrud from '#backend/app/admin/crud/role-menu.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import type { Menu } from '#backend/app/admin/model/menu.model'
import type { CreateMenu, MenuQuery, UpdateMenu } from '#backend/app/admin/schema/menu.schema'
import * as grantService from '#backend/app/admin/service/grant.service'
import { splitCodes } from '#backend/common/codes'
import { MENU_TYPE, STATUS } from '#backend/common/enums'
import { Conflict, Forbidden, NotFound } from '#backend/common/errors'
import { buildTree, type TreeNode } from '#backend/common/tree'
import { changing, created, type Touched } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { lockXact } from '#backend/database/locks'

/** Changes of the tree run one after the other: two moves at once could close a cycle, two names be taken twice. */
const TREE_LOCK = 'sys_menu'

export async function get(ctx: Ctx, id: number): Promise<Menu> {
  const row = await menuCrud.findById(ctx.db, id)
  if (row === undefined) throw new NotFound('menu.not_found')
  return row
}

export async function tree(ctx: Ctx, query: MenuQuery): Promise<TreeNode<Menu>[]> {
  return buildTree(await menuCrud.list(ctx.db, query))
}

export async function create(ctx: Ctx, fields: CreateMenu): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    await checkNames(ctx, fields)
    await checkParent(ctx, fields.parent_id)
    grantService.assertMayGrantCodes(ctx, splitCodes(fields.perms ?? ''))
    const row = await menuCrud.insert(ctx.db, fields)
    await created(ctx, [tracked.menus], row)
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateMenu): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    const before = await get(ctx, id)
    await checkNames(ctx, fields, id)
    await checkParent(ctx, fields.parent_id, id)
    grantService.assertMayGrantCodes(ctx, gainedCodes(before, fields))
    await changing(ctx, [[tracked.menus, [id]]], () => menuCrud.update(ctx.db, id, fields))
    await ctx.actors.touch(ctx, ['all'])
  })
}

export async function remove(ctx: Ctx, id: number): Promise<void> {
  await withTx(ctx, async (ctx) => {
    await lockXact(ctx.db, TREE_LOCK)
    await get(ctx, id)
    if ((await menuCrud.countChildren(ctx.db, id)) > 0) throw new Conflict('menu.has_children')
    const touched: Touched[] = [
      [tracked.menus, [id]],
      [tracked.menuRoles, [id]],
    ]
    await changing(ctx, touched, async (ctx) => {
      await menuCrud.remove(ctx.db, id)
      // After the row is gone, so that a role that was just given it loses it too.
      await roleMenuCrud.removeOfMenu(ctx.db, id)
    })
    await ctx.actors.touch(ctx, ['all'])
  })
}

/** The codes that whoever holds the menu gains by the change; to enable it gives all of them. */
function gainedCodes(before: Menu, after: UpdateMenu): string[] {
  const enables = before.status !== STATUS.enabled && after.status === STATUS.enabled
  const known = enables ? [] : splitCodes(before.perms ?? '')
  return splitCodes(after.perms ?? '').filter((code) => !known.includes(code))
}

/**
 * Titles differ among siblings only, for many pages have a button of the same title. Routes of one name would replace
 * each other in the front end; buttons are not routes.
 */
async function checkNames(ctx: Ctx, { title, name, type, parent_id }: CreateMenu, own_id?: number): Promise<void> {
  if (await menuCrud.isTitleTaken(ctx.db, title, parent_id, own_id)) throw new Conflict('menu.title_taken')
  if (type === MENU_TYPE.button) return
  if (await menuCrud.isNameTaken(ctx.db, name, own_id)) throw new Conflict('menu.name_taken')
}

async function checkParent(ctx: Ctx, parent_id: number | null, own_id?: number): Promise<void> {
  if (parent_id === null) return
  if (own_id !== undefined && (await menuCrud.isWithin(ctx.db, parent_id, own_id)))
    throw new Forbidden('menu.own_ancestor')
  const parent = await menuCrud.findById(ctx.db, parent_id)
  if (parent === undefined) throw new NotFound('menu.parent_not_found')
}
