import { LoginLogDetail, LoginLogQuery } from '#backend/app/admin/schema/login-log.schema'
import * as loginLogService from '#backend/app/admin/service/login-log.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Login log']

export async function loginLogApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: 'log:login:get' } },
      schema: {
        summary: 'Attempts to sign in, the newest first',
        tags,
        querystring: LoginLogQuery,
        response: { 200: envelope(pageOf(LoginLogDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await loginLogService.list(ctx, query), query, url)),
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'log:login:del' } },
      schema: { summary: 'Delete login log entries, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await loginLogService.remove(ctx, body.pks)
      return ok()
    },
  )

  app.delete(
    '/all',
    {
      config: { access: { permission: 'log:login:clear' } },
      schema: { summary: 'Clear the login log', tags, response: { 200: Done } },
    },
    async ({ ctx }) => {
      await loginLogService.clear(ctx)
      return ok()
    },
  )
}
