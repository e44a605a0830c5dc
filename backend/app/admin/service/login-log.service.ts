import * as loginLogCrud from '#backend/app/admin/crud/login-log.crud'
import type { LOGIN_STATUS } from '#backend/common/enums'
import type { Ctx } from '#backend/core/ctx'
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
    username: username.slice(0, 64),
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
