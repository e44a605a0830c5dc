import { createHash, randomUUID } from 'node:crypto'
import * as sessionCrud from '#backend/app/admin/crud/session.crud'
import { Unauthenticated } from '#backend/common/errors'
import { type Ctx, withTx } from '#backend/core/ctx'
import { idleLimitSeconds } from '#backend/core/session-times'
import { parseUserAgent } from '#backend/utils/user-agent'

/** Why a session ended, as kept in its row. */
export type EndReason = 'logout' | 'forced' | 'password' | 'disabled' | 'deleted' | 'other_login' | 'reused'

/** What the tokens of a session are made from. */
export interface OpenSession {
  user_id: number
  session_uuid: string
  /** Id of the one refresh token that is valid now; the row keeps only its hash. */
  refresh_jti: string
  /** When its tokens were issued, in milliseconds since the epoch: the same for every repetition of one exchange. */
  issued_at: number
  /** When the session ends whatever happens, in milliseconds since the epoch. */
  expires_at: number
}

/** One event holds this many sessions. */
const EVENT_SESSIONS_MAX = 100

const hashOf = (jti: string) => createHash('sha256').update(jti).digest('hex')

/** Opens a session; unless the user may hold several, it ends the others. Inside the caller's transaction. */
export async function open(ctx: Ctx, user: { id: number; is_multi_login: boolean }): Promise<OpenSession> {
  const session_uuid = randomUUID()
  const refresh_jti = randomUUID()
  const expire_time = new Date(Date.now() + ctx.config.TOKEN_REFRESH_EXPIRE_SECONDS * 1000)
  const { os, browser, device, user_agent } = parseUserAgent(ctx.client.user_agent)
  if (!user.is_multi_login) await endOfUser(ctx, user.id, 'other_login')
  await sessionCrud.insert(ctx.db, {
    session_uuid,
    user_id: user.id,
    refresh_hash: hashOf(refresh_jti),
    ip: ctx.client.ip,
    user_agent,
    os,
    browser,
    device,
    expire_time,
  })
  return { user_id: user.id, session_uuid, refresh_jti, issued_at: Date.now(), expires_at: expire_time.getTime() }
}

/**
 * Exchanges the refresh token that is valid now for the next one. Requests at once, and a repetition within
 * TOKEN_REFRESH_GRACE_SECONDS, get the very same answer again: the next token follows from the one presented. Any other
 * token of the session has been used before: somebody holds a copy, so the session ends for both. Null says that; an
 * ended session throws.
 */
export async function rotate(ctx: Ctx, session_uuid: string, jti: string): Promise<OpenSession | null> {
  return withTx(ctx, async (ctx) => {
    const row = await sessionCrud.lockLiving(ctx.db, session_uuid, idleLimitSeconds(ctx.config))
    if (row === undefined) throw new Unauthenticated('auth.refresh_invalid')
    const presented = hashOf(jti)
    const refresh_jti = ctx.hmac(`refresh:${session_uuid}:${jti}`)
    const next = (issued_at: Date | null): OpenSession => ({
      user_id: row.user_id,
      session_uuid,
      refresh_jti,
      issued_at: issued_at?.getTime() ?? Date.now(),
      expires_at: row.expire_time.getTime(),
    })
    if (row.refresh_hash === presented) return next(await sessionCrud.rotate(ctx.db, session_uuid, hashOf(refresh_jti)))
    const repeated =
      row.previous_refresh_hash === presented &&
      (await sessionCrud.isJustRotated(ctx.db, session_uuid, ctx.config.TOKEN_REFRESH_GRACE_SECONDS))
    if (repeated) return next(row.refreshed_time)
    await end(ctx, session_uuid, 'reused')
    return null
  })
}

/** Ends one session, on every process before the answer; ending an ended one does nothing. */
export async function end(ctx: Ctx, session_uuid: string, reason: EndReason): Promise<void> {
  await withTx(ctx, async (ctx) => announce(ctx, await sessionCrud.end(ctx.db, session_uuid, reason), reason))
}

/** Ends the sessions of a user, all but `except_uuid`. */
export async function endOfUser(ctx: Ctx, user_id: number, reason: EndReason, except_uuid?: string): Promise<void> {
  await withTx(ctx, async (ctx) =>
    announce(ctx, await sessionCrud.endOfUser(ctx.db, user_id, reason, except_uuid), reason),
  )
}

async function announce(ctx: Ctx, session_uuids: string[], reason: EndReason): Promise<void> {
  for (let start = 0; start < session_uuids.length; start += EVENT_SESSIONS_MAX)
    await ctx.events.emit(ctx, 'session.ended', {
      session_uuids: session_uuids.slice(start, start + EVENT_SESSIONS_MAX),
      reason,
    })
  await ctx.actors.touch(
    ctx,
    session_uuids.map((session_uuid) => `session:${session_uuid}` as const),
  )
}
