import { z } from 'zod'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'
import {
  CreateDictType,
  DictTypeDetail,
  DictTypeQuery,
  UpdateDictType,
} from '#backend/plugin/dict/schema/dict-type.schema'
import * as dictTypeService from '#backend/plugin/dict/service/dict-type.service'

const tags = ['Dictionary types']
/** Whoever edits values chooses a type for them. */
const CHOOSERS = ['dict:type:get', 'dict:data:get'] as const

export async function dictTypeApi(app: App): Promise<void> {
  readRoutes(app)
  changeRoutes(app)
}

function readRoutes(app: App): void {
  app.get(
    '',
    {
      config: { access: { permission: 'dict:type:get' } },
      schema: {
        summary: 'Dictionary types, page by page',
        tags,
        querystring: DictTypeQuery,
        response: { 200: envelope(pageOf(DictTypeDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await dictTypeService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config: { access: { permission: CHOOSERS } },
      schema: { summary: 'All dictionary types', tags, response: { 200: envelope(z.array(DictTypeDetail)) } },
    },
    async ({ ctx }) => ok(await dictTypeService.listAll(ctx)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'dict:type:get' } },
      schema: { summary: 'Get a dictionary type', tags, params: Pk, response: { 200: envelope(DictTypeDetail) } },
    },
    async ({ ctx, params }) => ok(await dictTypeService.get(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'dict:type:add' } },
      schema: { summary: 'Create a dictionary type', tags, body: CreateDictType, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dictTypeService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'dict:type:edit' } },
      schema: { summary: 'Replace a dictionary type', tags, params: Pk, body: UpdateDictType, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await dictTypeService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'dict:type:del' } },
      schema: {
        summary: 'Delete dictionary types without values, all or none',
        tags,
        body: Pks,
        response: { 200: Done },
      },
    },
    async ({ ctx, body }) => {
      await dictTypeService.remove(ctx, body.pks)
      return ok()
    },
  )
}
