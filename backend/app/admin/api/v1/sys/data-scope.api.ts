import { z } from 'zod'
import {
  CreateDataScope,
  DataScopeDetail,
  DataScopeQuery,
  DataScopeWithRules,
  UpdateDataScope,
  UpdateDataScopeRules,
} from '#backend/app/admin/schema/data-scope.schema'
import * as dataScopeService from '#backend/app/admin/service/data-scope.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Data scopes']
/** The page of scopes, and that of roles, whose drawer gives scopes to a role. */
const CHOOSERS = ['data:scope:get', 'sys:role:get'] as const

export async function dataScopeApi(app: App): Promise<void> {
  readRoutes(app)
  changeRoutes(app)
}

function readRoutes(app: App): void {
  app.get(
    '',
    {
      config: { access: { permission: 'data:scope:get' } },
      schema: {
        summary: 'Data scopes, page by page',
        tags,
        querystring: DataScopeQuery,
        response: { 200: envelope(pageOf(DataScopeDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await dataScopeService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config: { access: { permission: CHOOSERS } },
      schema: { summary: 'All data scopes', tags, response: { 200: envelope(z.array(DataScopeDetail)) } },
    },
    async ({ ctx }) => ok(await dataScopeService.listAll(ctx)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'data:scope:get' } },
      schema: { summary: 'Get a data scope', tags, params: Pk, response: { 200: envelope(DataScopeDetail) } },
    },
    async ({ ctx, params }) => ok(await dataScopeService.get(ctx, params.pk)),
  )

  app.get(
    '/:pk/rules',
    {
      config: { access: { permission: CHOOSERS } },
      schema: {
        summary: 'Get a data scope with its rules',
        tags,
        params: Pk,
        response: { 200: envelope(DataScopeWithRules) },
      },
    },
    async ({ ctx, params }) => ok(await dataScopeService.getWithRules(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'data:scope:add' } },
      schema: { summary: 'Create a data scope', tags, body: CreateDataScope, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dataScopeService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'data:scope:edit' } },
      schema: { summary: 'Replace a data scope', tags, params: Pk, body: UpdateDataScope, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await dataScopeService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.put(
    '/:pk/rules',
    {
      config: { access: { permission: 'data:scope:rule:edit' } },
      schema: {
        summary: 'Replace the rules of a data scope',
        tags,
        params: Pk,
        body: UpdateDataScopeRules,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, body }) => {
      await dataScopeService.replaceRules(ctx, params.pk, body.rules)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'data:scope:del' } },
      schema: { summary: 'Delete data scopes, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dataScopeService.remove(ctx, body.pks)
      return ok()
    },
  )
}
