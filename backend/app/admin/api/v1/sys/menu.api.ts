import { z } from 'zod'
import {
  CreateMenu,
  MenuDetail,
  MenuQuery,
  MenuTree,
  SidebarNode,
  UpdateMenu,
} from '#backend/app/admin/schema/menu.schema'
import * as menuService from '#backend/app/admin/service/menu.service'
import * as sidebarService from '#backend/app/admin/service/sidebar.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { Pk } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Menus']
/** The pages that show the tree: its own, and the one that gives menus to roles. */
const TREE_READERS = ['sys:menu:get', 'sys:role:get'] as const

export async function menuApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: TREE_READERS } },
      schema: {
        summary: 'Menu tree',
        tags,
        querystring: MenuQuery,
        response: { 200: envelope(z.array(MenuTree)) },
      },
    },
    async ({ ctx, query }) => ok(await menuService.tree(ctx, query)),
  )

  app.get(
    '/sidebar',
    {
      config: { access: 'signed-in' },
      schema: { summary: 'Sidebar of the signed-in user', tags, response: { 200: envelope(z.array(SidebarNode)) } },
    },
    async ({ ctx }) => ok(await sidebarService.list(ctx)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'sys:menu:get' } },
      schema: { summary: 'Get a menu', tags, params: Pk, response: { 200: envelope(MenuDetail) } },
    },
    async ({ ctx, params }) => ok(await menuService.get(ctx, params.pk)),
  )

  app.post(
    '',
    {
      config: { access: { permission: 'sys:menu:add' } },
      schema: { summary: 'Create a menu', tags, body: CreateMenu, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await menuService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'sys:menu:edit' } },
      schema: { summary: 'Replace a menu', tags, params: Pk, body: UpdateMenu, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await menuService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '/:pk',
    {
      config: { access: { permission: 'sys:menu:del' } },
      schema: { summary: 'Delete a menu', tags, params: Pk, response: { 200: Done } },
    },
    async ({ ctx, params }) => {
      await menuService.remove(ctx, params.pk)
      return ok()
    },
  )
}
