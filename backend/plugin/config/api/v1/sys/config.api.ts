import { z } from 'zod'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk } from '#backend/common/schema'
import type { App } from '#backend/core/app'
import {
  ConfigDetail,
  ConfigQuery,
  ConfigsQuery,
  CreateConfig,
  DeleteConfigs,
  UpdateConfig,
  UpdateConfigs,
} from '#backend/plugin/config/schema/config.schema'
import * as configService from '#backend/plugin/config/service/config.service'

const tags = ['Settings']

export async function configApi(app: App): Promise<void> {
  readRoutes(app)
  changeRoutes(app)
  updateRoutes(app)
}

function readRoutes(app: App): void {
  const config = { access: { permission: 'sys:config:get' } }

  app.get(
    '',
    {
      config,
      schema: {
        summary: 'Settings, page by page',
        tags,
        querystring: ConfigQuery,
        response: { 200: envelope(pageOf(ConfigDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await configService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config,
      schema: {
        summary: 'All settings, or those of a group',
        tags,
        querystring: ConfigsQuery,
        response: { 200: envelope(z.array(ConfigDetail)) },
      },
    },
    async ({ ctx, query }) => ok(await configService.listAll(ctx, query.type)),
  )

  app.get(
    '/:pk',
    { config, schema: { summary: 'Get a setting', tags, params: Pk, response: { 200: envelope(ConfigDetail) } } },
    async ({ ctx, params }) => ok(await configService.get(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'sys:config:add' } },
      schema: { summary: 'Create a setting', tags, body: CreateConfig, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await configService.create(ctx, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'sys:config:del' } },
      schema: { summary: 'Delete settings, all or none', tags, body: DeleteConfigs, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await configService.remove(ctx, body)
      return ok()
    },
  )
}

function updateRoutes(app: App): void {
  const config = { access: { permission: 'sys:config:edit' } }

  app.put(
    '',
    {
      config,
      schema: { summary: 'Replace several settings, all or none', tags, body: UpdateConfigs, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await configService.updateAll(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config,
      schema: { summary: 'Replace a setting', tags, params: Pk, body: UpdateConfig, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await configService.update(ctx, params.pk, body)
      return ok()
    },
  )
}
