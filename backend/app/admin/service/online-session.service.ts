import * as onlineSessionCrud from '#backend/app/admin/crud/online-session.crud'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import { userScoped } from '#backend/app/admin/model/user.model'
import type { OnlineSessionQuery } from '#backend/app/admin/schema/online-session.schema'
import * as sessionService from '#backend/app/admin/service/session.service'
import * as superuserService from '#backend/app/admin/service/superuser.service'
import { Forbidden, NotFound } from '#backend/common/errors'
import { scopeOf } from '#backend/common/row-scope'
import { holds } from '#backend/core/actor'
import { changing } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { idleLimitSeconds } from '#backend/core/session-times'

/** What opens the sessions of others; one's own need none. */
export const SESSION_CODES = { list: 'monitor:session:get', end: 'monitor:session:del' } as const

/** The living sessions that the actor may see, the last used first. */
export async function list(
  ctx: Ctx,
  { username, page, size }: OnlineSessionQuery,
): Promise<onlineSessionCrud.OnlineSession[]> {
  return onlineSessionCrud.list(ctx.db, viewOf(ctx), whose(ctx, username), { page, size })
}

/**
 * Naming oneself means one's own sessions and nobody else's, for the code's holders too: a profile page asks so, and
 * would show the devices of whoever's name contains one's own.
 */
function whose({ actor }: Ctx, username: string | undefined): onlineSessionCrud.OnlineFilter {
  if (username === actor.username) return { user_id: actor.user_id }
  if (holds(actor, SESSION_CODES.list, 'GET')) return { username }
  if (username !== undefined) throw new Forbidden('error.forbidden')
  return { user_id: actor.user_id }
}

/** Ends a session at once, everywhere, its refresh token included. */
export async function end(ctx: Ctx, user_id: number, session_uuid: string): Promise<void> {
  if (user_id !== ctx.actor.user_id && !holds(ctx.actor, SESSION_CODES.end, 'DELETE'))
    throw new Forbidden('error.forbidden')
  await withTx(ctx, async (ctx) => {
    const owner = await onlineSessionCrud.findOwner(ctx.db, viewOf(ctx), user_id, session_uuid)
    if (owner === undefined) throw new NotFound('session.not_found')
    superuserService.assertMayTouch(ctx, owner)
    await changing(ctx, [[tracked.sessions, [session_uuid]]], (ctx) => sessionService.end(ctx, session_uuid, 'forced'))
  })
}

function viewOf({ actor, config }: Ctx): onlineSessionCrud.View {
  return { scope: scopeOf(actor, userScoped), user_id: actor.user_id, idle_seconds: idleLimitSeconds(config) }
}
