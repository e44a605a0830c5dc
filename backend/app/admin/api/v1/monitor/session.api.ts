import { z } from 'zod'
import { EndSessionQuery, OnlineSession, OnlineSessionQuery } from '#backend/app/admin/schema/online-session.schema'
import * as onlineSessionService from '#backend/app/admin/service/online-session.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { Id } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const { SESSION_CODES } = onlineSessionService
const tags = ['Online sessions']

export async function sessionApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: SESSION_CODES.list, own: true } },
      schema: {
        summary: 'Living sessions, the last used first',
        tags,
        querystring: OnlineSessionQuery,
        response: { 200: envelope(z.array(OnlineSession)) },
      },
    },
    async ({ ctx, query }) => ok(await onlineSessionService.list(ctx, query)),
  )

  app.delete(
    '/:pk',
    {
      config: { access: { permission: SESSION_CODES.end, own: true } },
      schema: {
        summary: 'End a session of a user',
        tags,
        params: z.object({ pk: Id.describe('Id of the user') }),
        querystring: EndSessionQuery,
        response: { 200: Done },
      },
    },
    async ({ ctx, params, query }) => {
      await onlineSessionService.end(ctx, params.pk, query.session_uuid)
      return ok()
    },
  )
}
