import * as loginLogCrud from '#backend/app/admin/crud/login-log.crud'
import { type LoginLog, loginLogScoped } from '#backend/app/admin/model/login-log.model'
import type { LoginLogQuery } from '#backend/app/admin/schema/login-log.schema'
import * as logTombstoneService from '#backend/app/admin/service/log-tombstone.service'
import { cleanText } from '#backend/common/clean-text'
import type { LOGIN_STATUS } from '#backend/common/enums'
import { NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { scopeOf } from '#backend/common/row-scope'
import { type Ctx, withTx } from '#backend/core/ctx'
import { type MessageKey, translate } from '#backend/locale/translate'
import { locateIp } from '#backend/utils/ip-location'
import { parseUserAgent } from '#backend/utils/user-agent'

export interface Attempt {
  username: string
  /** Empty when there is no such user. */
  user_uuid: string
  status: (typeof LOGIN_STATUS)[keyof typeof LOGIN_STATUS]
  reason: MessageKey
}

/** Writes an attempt to sign in, before it is answered. Texts are in the language of the installation, not the client's. */
export async function record(ctx: Ctx, { username, user_uuid, status, reason }: Attempt): Promise<void> {
  const place = await locateIp(ctx.client.ip)
  const { os, browser, device, user_agent } = parseUserAgent(ctx.client.user_agent)
  await loginLogCrud.insert(ctx.db, {
    user_uuid,
    username: cleanText(username, 64),
    status,
    ip: ctx.client.ip,
    ...place,
    user_agent,
    os,
    browser,
    device,
    msg: translate(ctx.config.I18N_DEFAULT_LANGUAGE, reason),
  })
}

export async function list(ctx: Ctx, query: LoginLogQuery): Promise<Rows<LoginLog>> {
  return loginLogCrud.list(ctx.db, scopeOf(ctx.actor, loginLogScoped), query, query)
}

/** All of the rows or none: one that is not there, or not to be seen, refuses the others. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const removed = await loginLogCrud.remove(ctx.db, scopeOf(ctx.actor, loginLogScoped), ids)
    if (removed.removed_count < ids.length) throw new NotFound('login_log.not_found')
    await logTombstoneService.record(ctx, 'login', 'delete', removed)
  })
}

/** Removes every row that the actor may see. */
export async function clear(ctx: Ctx): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const removed = await loginLogCrud.clear(ctx.db, scopeOf(ctx.actor, loginLogScoped))
    await logTombstoneService.record(ctx, 'login', 'clear', removed)
  })
}
