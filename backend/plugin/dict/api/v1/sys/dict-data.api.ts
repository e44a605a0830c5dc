import { z } from 'zod'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'
import {
  CreateDictData,
  DictDataDetail,
  DictDataQuery,
  DictTypeCode,
  UpdateDictData,
} from '#backend/plugin/dict/schema/dict-data.schema'
import * as dictDataService from '#backend/plugin/dict/service/dict-data.service'

const tags = ['Dictionary values']

export async function dictDataApi(app: App): Promise<void> {
  readRoutes(app)
  changeRoutes(app)
}

function readRoutes(app: App): void {
  app.get(
    '',
    {
      config: { access: { permission: 'dict:data:get' } },
      schema: {
        summary: 'Dictionary values, page by page',
        tags,
        querystring: DictDataQuery,
        response: { 200: envelope(pageOf(DictDataDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await dictDataService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config: { access: { permission: 'dict:data:get' } },
      schema: { summary: 'All dictionary values', tags, response: { 200: envelope(z.array(DictDataDetail)) } },
    },
    async ({ ctx }) => ok(await dictDataService.listAll(ctx)),
  )

  // What every page's forms and tags are made of.
  app.get(
    '/type-codes/:code',
    {
      config: { access: 'signed-in' },
      schema: {
        summary: 'The values of a dictionary type, in their order',
        tags,
        params: DictTypeCode,
        response: { 200: envelope(z.array(DictDataDetail)) },
      },
    },
    async ({ ctx, params }) => ok([...(await dictDataService.listOfCode(ctx, params.code))]),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'dict:data:get' } },
      schema: { summary: 'Get a dictionary value', tags, params: Pk, response: { 200: envelope(DictDataDetail) } },
    },
    async ({ ctx, params }) => ok(await dictDataService.get(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'dict:data:add' } },
      schema: { summary: 'Create a dictionary value', tags, body: CreateDictData, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dictDataService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'dict:data:edit' } },
      schema: {
        summary: 'Replace a dictionary value',
        tags,
        params: Pk,
        body: UpdateDictData,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, body }) => {
      await dictDataService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'dict:data:del' } },
      schema: { summary: 'Delete dictionary values, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dictDataService.remove(ctx, body.pks)
      return ok()
    },
  )
}
