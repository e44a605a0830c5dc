import { z } from 'zod'
import { RoleDetail } from '#backend/app/admin/schema/role.schema'
import {
  CreateUser,
  ResetPassword,
  SwitchQuery,
  UpdateUser,
  UserDetail,
  UserQuery,
} from '#backend/app/admin/schema/user.schema'
import * as userService from '#backend/app/admin/service/user.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Users']

export async function userApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: 'sys:user:get' } },
      schema: {
        summary: 'List users',
        tags,
        querystring: UserQuery,
        response: { 200: envelope(pageOf(UserDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await userService.list(ctx, query), query, url)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'sys:user:get' } },
      schema: { summary: 'Get a user', tags, params: Pk, response: { 200: envelope(UserDetail) } },
    },
    async ({ ctx, params }) => ok(await userService.get(ctx, params.pk)),
  )

  app.get(
    '/:pk/roles',
    {
      config: { access: { permission: 'sys:user:get' } },
      schema: { summary: 'Roles of a user', tags, params: Pk, response: { 200: envelope(z.array(RoleDetail)) } },
    },
    async ({ ctx, params }) => ok(await userService.roles(ctx, params.pk)),
  )

  app.post(
    '',
    {
      config: { access: { permission: 'sys:user:add' } },
      schema: { summary: 'Create a user', tags, body: CreateUser, response: { 200: envelope(UserDetail) } },
    },
    async ({ ctx, body }) => ok(await userService.create(ctx, body)),
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'sys:user:edit' } },
      schema: { summary: 'Replace a user', tags, params: Pk, body: UpdateUser, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await userService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.put(
    '/:pk/password',
    {
      config: { access: { permission: 'sys:user:password:reset' } },
      schema: { summary: "Reset a user's password", tags, params: Pk, body: ResetPassword, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await userService.resetPassword(ctx, params.pk, body.password)
      return ok()
    },
  )

  app.put(
    '/:pk/permissions',
    {
      config: { access: 'superuser' },
      schema: {
        summary: 'Toggle a switch of a user',
        tags,
        params: Pk,
        querystring: SwitchQuery,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, query }) => {
      await userService.toggle(ctx, params.pk, query.type)
      return ok()
    },
  )

  app.delete(
    '/:pk',
    {
      config: { access: { permission: 'sys:user:del' } },
      schema: { summary: 'Delete a user', tags, params: Pk, response: { 200: Done } },
    },
    async ({ ctx, params }) => {
      await userService.remove(ctx, params.pk)
      return ok()
    },
  )
}
