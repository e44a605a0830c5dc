import { z } from 'zod'
import { MenuTree } from '#backend/app/admin/schema/menu.schema'
import {
  CreateRole,
  RoleDetail,
  RoleQuery,
  RoleWithRelations,
  UpdateRole,
  UpdateRoleMenus,
  UpdateRoleScopes,
} from '#backend/app/admin/schema/role.schema'
import * as roleService from '#backend/app/admin/service/role.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Roles']
const read = { access: { permission: 'sys:role:get' } } as const
/** The pages whose forms choose roles. */
const CHOOSERS = ['sys:role:get', 'sys:user:get'] as const

export async function roleApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: read,
      schema: {
        summary: 'Roles, paged',
        tags,
        querystring: RoleQuery,
        response: { 200: envelope(pageOf(RoleDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await roleService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config: { access: { permission: CHOOSERS } },
      schema: { summary: 'All roles, to choose from', tags, response: { 200: envelope(z.array(RoleDetail)) } },
    },
    async ({ ctx }) => ok(await roleService.listAll(ctx)),
  )

  app.get(
    '/:pk',
    {
      config: read,
      schema: {
        summary: 'Get a role with its menus and data scopes',
        tags,
        params: Pk,
        response: { 200: envelope(RoleWithRelations) },
      },
    },
    async ({ ctx, params }) => ok(await roleService.getWithRelations(ctx, params.pk)),
  )

  app.post(
    '',
    {
      config: { access: { permission: 'sys:role:add' } },
      schema: { summary: 'Create a role', tags, body: CreateRole, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await roleService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'sys:role:edit' } },
      schema: { summary: 'Replace a role', tags, params: Pk, body: UpdateRole, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await roleService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'sys:role:del' } },
      schema: { summary: 'Delete roles, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await roleService.remove(ctx, body.pks)
      return ok()
    },
  )

  await app.register(roleMenuApi)
  await app.register(roleScopeApi)
}

async function roleMenuApi(app: App): Promise<void> {
  app.get(
    '/:pk/menus',
    {
      config: read,
      schema: { summary: 'Menu tree of a role', tags, params: Pk, response: { 200: envelope(z.array(MenuTree)) } },
    },
    async ({ ctx, params }) => ok(await roleService.menuTree(ctx, params.pk)),
  )

  app.put(
    '/:pk/menus',
    {
      config: { access: { permission: 'sys:role:menu:edit' } },
      schema: {
        summary: 'Replace the menus of a role',
        tags,
        params: Pk,
        body: UpdateRoleMenus,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, body }) => {
      await roleService.replaceMenus(ctx, params.pk, body.menus)
      return ok()
    },
  )
}

async function roleScopeApi(app: App): Promise<void> {
  app.get(
    '/:pk/scopes',
    {
      config: read,
      schema: { summary: 'Data scope ids of a role', tags, params: Pk, response: { 200: envelope(z.array(z.int())) } },
    },
    async ({ ctx, params }) => ok(await roleService.listScopeIds(ctx, params.pk)),
  )

  app.put(
    '/:pk/scopes',
    {
      config: { access: { permission: 'sys:role:scope:edit' } },
      schema: {
        summary: 'Replace the data scopes of a role',
        tags,
        params: Pk,
        body: UpdateRoleScopes,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, body }) => {
      await roleService.replaceScopes(ctx, params.pk, body.scopes)
      return ok()
    },
  )
}
