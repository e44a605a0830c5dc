import { Readable } from 'node:stream'
import { OperaLogDetail, OperaLogExport, OperaLogPage, OperaLogQuery } from '#backend/app/admin/schema/opera-log.schema'
import * as operaLogService from '#backend/app/admin/service/opera-log.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { toPage } from '#backend/common/paging'
import { FileBody, Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Operation log']

export async function operaLogApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: 'log:opera:get' } },
      schema: {
        summary: 'Requests to this API, the newest first',
        tags,
        querystring: OperaLogQuery,
        response: { 200: envelope(OperaLogPage) },
      },
    },
    async ({ ctx, query, url }) => {
      const rows = await operaLogService.list(ctx, query)
      const { total_is_estimate, next_cursor } = rows
      return ok({ ...toPage(rows, query, url), total_is_estimate, next_cursor })
    },
  )

  app.get(
    '/export',
    {
      config: { access: { permission: 'log:opera:export' } },
      schema: {
        summary: 'The operation log as CSV',
        tags,
        querystring: OperaLogExport,
        response: { 200: { description: 'CSV, UTF-8', content: { 'text/csv': { schema: FileBody } } } },
      },
    },
    async ({ ctx, query, method }, reply) => {
      reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="opera-log.csv"')
      // Fastify reads a stream to its end for HEAD, however much that is.
      if (method === 'HEAD') return reply.send('')
      return reply.send(Readable.from(operaLogService.exportCsv(ctx, query), { objectMode: false }))
    },
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'log:opera:get' } },
      schema: {
        summary: 'A request with the rows that it changed',
        tags,
        params: Pk,
        response: { 200: envelope(OperaLogDetail) },
      },
    },
    async ({ ctx, params }) => ok(await operaLogService.get(ctx, params.pk)),
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'log:opera:del' } },
      schema: { summary: 'Delete operation log entries, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await operaLogService.remove(ctx, body.pks)
      return ok()
    },
  )

  app.delete(
    '/all',
    {
      config: { access: { permission: 'log:opera:clear' } },
      schema: { summary: 'Clear the operation log', tags, response: { 200: Done } },
    },
    async ({ ctx }) => {
      await operaLogService.clear(ctx)
      return ok()
    },
  )
}
