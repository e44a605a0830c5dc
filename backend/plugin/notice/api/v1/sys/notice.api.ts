import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'
import { CreateNotice, NoticeDetail, NoticeQuery, UpdateNotice } from '#backend/plugin/notice/schema/notice.schema'
import * as noticeService from '#backend/plugin/notice/service/notice.service'

const tags = ['Notices']

export async function noticeApi(app: App): Promise<void> {
  readRoutes(app)
  changeRoutes(app)
}

function readRoutes(app: App): void {
  const config = { access: { permission: 'sys:notice:get' } }

  app.get(
    '',
    {
      config,
      schema: {
        summary: 'Notices, page by page',
        tags,
        querystring: NoticeQuery,
        response: { 200: envelope(pageOf(NoticeDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await noticeService.list(ctx, query), query, url)),
  )

  app.get(
    '/:pk',
    { config, schema: { summary: 'Get a notice', tags, params: Pk, response: { 200: envelope(NoticeDetail) } } },
    async ({ ctx, params }) => ok(await noticeService.get(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'sys:notice:add' } },
      schema: { summary: 'Create a notice', tags, body: CreateNotice, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await noticeService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'sys:notice:edit' } },
      schema: { summary: 'Replace a notice', tags, params: Pk, body: UpdateNotice, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await noticeService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'sys:notice:del' } },
      schema: { summary: 'Delete notices, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await noticeService.remove(ctx, body.pks)
      return ok()
    },
  )
}
