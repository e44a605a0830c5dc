import { createHash, randomUUID } from 'node:crypto'
import * as sessionCrud from '#backend/app/admin/crud/session.crud'
import { Unauthenticated } from '#backend/common/errors'
import { type Ctx, withTx } from '#backend/core/ctx'
import { parseUserAgent } from '#backend/utils/user-agent'

/** Why a session ended, as kept in its row. */
export type EndReason = 'logout' | 'forced' | 'password' | 'disabled' | 'deleted' | 'other_login' | 'reused'

/** What the tokens of a session are made from. */
export interface OpenSession {
  user_id: number
  session_uuid: string
  /** Id of the one refresh token that is valid now; the row keeps only its hash. */
  refresh_jti: string
  /** When the session ends whatever happens, in milliseconds since the epoch. */
  expires_at: number
}

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
  return { user_id: user.id, session_uuid, refresh_jti, expires_at: expire_time.getTime() }
}

/**
 * Exchanges the refresh token that is valid now for the next one. Any other token of the session has been used before:
 * somebody holds a copy, so the session ends for both. Null says that; an ended session throws.
 */
export async function rotate(ctx: Ctx, session_uuid: string, jti: string): Promise<OpenSession | null> {
  return withTx(ctx, async (ctx) => {
    const row = await sessionCrud.lockLiving(ctx.db, session_uuid)
    if (row === undefined) throw new Unauthenticated('auth.refresh_invalid')
    if (row.refresh_hash !== hashOf(jti)) {
      await end(ctx, session_uuid, 'reused')
      return null
    }
    const refresh_jti = randomUUID()
    await sessionCrud.rotate(ctx.db, session_uuid, hashOf(refresh_jti))
    return { user_id: row.user_id, session_uuid, refresh_jti, expires_at: row.expire_time.getTime() }
  })
}

/** Ends one session, on every process before the answer; ending an ended one does nothing. */
export async function end(ctx: Ctx, session_uuid: string, reason: EndReason): Promise<void> {
  await withTx(ctx, async (ctx) => announce(ctx, await sessionCrud.end(ctx.db, session_uuid, reason)))
}

/** Ends the sessions of a user, all but `except_uuid`. */
export async function endOfUser(ctx: Ctx, user_id: number, reason: EndReason, except_uuid?: string): Promise<void> {
  await withTx(ctx, async (ctx) => announce(ctx, await sessionCrud.endOfUser(ctx.db, user_id, reason, except_uuid)))
}

async function announce(ctx: Ctx, session_uuids: string[]): Promise<void> {
  await ctx.actors.touch(
    ctx,
    session_uuids.map((session_uuid) => `session:${session_uuid}` as const),
  )
}
