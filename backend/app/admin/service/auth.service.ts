import * as signInCrud from '#backend/app/admin/crud/sign-in.crud'
import type { User } from '#backend/app/admin/model/user.model'
import type { Credentials, Login } from '#backend/app/admin/schema/auth.schema'
import * as captchaService from '#backend/app/admin/service/captcha.service'
import * as loginGuard from '#backend/app/admin/service/login-guard.service'
import * as loginLogService from '#backend/app/admin/service/login-log.service'
import * as passwordService from '#backend/app/admin/service/password.service'
import * as sessionService from '#backend/app/admin/service/session.service'
import { splitCodes } from '#backend/common/codes'
import { LOGIN_STATUS } from '#backend/common/enums'
import { BadRequest, Refusal, Unauthenticated } from '#backend/common/errors'
import { type Ctx, withTx } from '#backend/core/ctx'
import { settingsOf } from '#backend/core/settings'
import type { MessageKey } from '#backend/locale/translate'

export interface SignedIn {
  session: sessionService.OpenSession
  user: User
  /** Days until the password expires, from the day on which users are reminded; else null. */
  password_expire_days_remaining: number | null
}

/** Signs in with a captcha where one is asked for. Every attempt is in the login log before it is answered. */
export async function login(ctx: Ctx, { uuid, captcha, ...credentials }: Login): Promise<SignedIn> {
  const { LOGIN_CAPTCHA_ENABLED } = await settingsOf(ctx)
  const needsCaptcha = LOGIN_CAPTCHA_ENABLED || (await loginGuard.demandsCaptcha(ctx, credentials.username))
  if (!needsCaptcha) return authenticate(ctx, credentials)
  await orRecord(ctx, credentials.username, () => captchaService.check(ctx, uuid, captcha))
  return authenticate(ctx, credentials, uuid)
}

/** Does what looks at the captcha; its refusal is a failed attempt. */
async function orRecord(ctx: Ctx, username: string, look: () => Promise<void>, user_uuid?: string): Promise<void> {
  try {
    await look()
  } catch (error) {
    if (error instanceof Refusal) await recordFailure(ctx, username, user_uuid, 'auth.log.captcha')
    throw error
  }
}

/** Signs in for the documentation page, which has no captcha field; the other guards hold. */
export async function loginForDocs(ctx: Ctx, credentials: Credentials): Promise<SignedIn> {
  if (await loginGuard.demandsCaptcha(ctx, credentials.username)) {
    await recordFailure(ctx, credentials.username, undefined, 'auth.log.captcha')
    throw new BadRequest('auth.captcha_required')
  }
  return authenticate(ctx, credentials)
}

const TURNED_AWAY = {
  422: 'auth.log.invalid',
  429: 'auth.log.too_many',
  503: 'auth.log.unavailable',
} as const satisfies Record<number, MessageKey>

/** Records an attempt that was answered with this status before its credentials were compared. */
export async function recordTurnedAway(ctx: Ctx, username: string, status: keyof typeof TURNED_AWAY): Promise<void> {
  await recordFailure(ctx, username, undefined, TURNED_AWAY[status])
}

/**
 * Whatever the reason, a failure is the same answer after the same work: the password is compared even when there is
 * nobody to compare it with, or when the account is locked or disabled.
 */
async function authenticate(ctx: Ctx, { username, password }: Credentials, captcha_uuid: string | null = null) {
  const locked = await loginGuard.isLocked(ctx, username)
  const found = await signInCrud.findByUsername(ctx.db, username)
  const matches = await passwordService.verify(ctx, password, found?.user.password ?? null)
  const reason = failureOf({ locked, known: found !== undefined, usable: found?.usable === true, matches })
  if (found === undefined || reason !== undefined) {
    await loginGuard.failed(ctx, username)
    await recordFailure(ctx, username, found?.user.uuid, reason ?? 'auth.log.unknown_user')
    throw new BadRequest('auth.login_failed')
  }
  const { user } = found
  const remaining = await passwordService.daysRemaining(ctx, user.id)
  if (remaining !== null && remaining <= 0) {
    await recordFailure(ctx, username, user.uuid, 'auth.password_expired')
    throw new BadRequest('auth.password_expired')
  }
  if (captcha_uuid !== null) await orRecord(ctx, username, () => captchaService.consume(ctx, captcha_uuid), user.uuid)
  await loginGuard.succeeded(ctx, username)
  const session = await openSession(ctx, user)
  if (session === undefined) {
    await recordFailure(ctx, username, user.uuid, 'auth.log.changed')
    throw new BadRequest('auth.login_failed')
  }
  const { USER_PASSWORD_REMINDER_DAYS } = await settingsOf(ctx)
  const reminds = remaining !== null && remaining <= USER_PASSWORD_REMINDER_DAYS
  return { session, user, password_expire_days_remaining: reminds ? remaining : null }
}

/**
 * Comparing takes long: whoever was disabled, deleted or given another password meanwhile is not let in, or the session
 * would outlive what has ended all others. Of two sign-ins at once the second one sees the first.
 */
async function openSession(ctx: Ctx, found: User): Promise<sessionService.OpenSession | undefined> {
  return withTx(ctx, async (ctx) => {
    const now = await signInCrud.lockCandidate(ctx.db, found.id)
    if (now?.usable !== true || now.user.password !== found.password) return undefined
    const opened = await sessionService.open(ctx, now.user)
    await signInCrud.markSignedIn(ctx.db, found.id)
    await loginLogService.record(ctx, {
      username: found.username,
      user_uuid: found.uuid,
      status: LOGIN_STATUS.success,
      reason: 'login.success',
    })
    return opened
  })
}

interface Findings {
  locked: boolean
  known: boolean
  usable: boolean
  matches: boolean
}

/** Why the attempt fails, for the log alone; undefined when it does not. */
function failureOf({ locked, known, usable, matches }: Findings): MessageKey | undefined {
  if (locked) return 'auth.log.locked'
  if (!known) return 'auth.log.unknown_user'
  if (!matches) return 'auth.log.wrong_password'
  return usable ? undefined : 'auth.log.disabled'
}

function recordFailure(ctx: Ctx, username: string, user_uuid = '', reason: MessageKey): Promise<void> {
  return loginLogService.record(ctx, { username, user_uuid, status: LOGIN_STATUS.fail, reason })
}

/** The next pair of tokens for a refresh token; one that was used before ends its session. */
export async function refresh(
  ctx: Ctx,
  claims: { session_uuid: string; user_id: number; jti: string },
): Promise<sessionService.OpenSession> {
  const session = await sessionService.rotate(ctx, claims.session_uuid, claims.jti)
  if (session === null) {
    const owner = await signInCrud.findName(ctx.db, claims.user_id)
    await recordFailure(ctx, owner?.username ?? '', owner?.uuid, 'auth.refresh_reused')
    throw new Unauthenticated('auth.refresh_reused')
  }
  const actor = await ctx.actors.get(session.session_uuid, session.user_id)
  if (actor === null) throw new Unauthenticated('auth.refresh_invalid')
  return session
}

/** The context of whoever's session it is, while it lives, so that the operation log names them. */
export async function asOwner(ctx: Ctx, claims: { session_uuid: string; user_id: number }): Promise<Ctx> {
  const actor = await ctx.actors.get(claims.session_uuid, claims.user_id)
  return actor === null ? ctx : { ...ctx, actor }
}

/** Ends the session of a token, also of one that has expired. */
export async function logout(ctx: Ctx, session_uuid: string): Promise<void> {
  await sessionService.end(ctx, session_uuid, 'logout')
}

/** The codes whose buttons the front end may show. */
export async function codes(ctx: Ctx): Promise<string[]> {
  if (!ctx.actor.is_superuser) return [...ctx.actor.permissions].sort()
  const perms = await signInCrud.listPerms(ctx.db)
  return [...new Set(perms.flatMap(splitCodes))].sort()
}
