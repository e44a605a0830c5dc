import { createHash } from 'node:crypto'
import * as tracked from '#backend/app/admin/crud/tracked.crud'
import * as userCrud from '#backend/app/admin/crud/user.crud'
import { type NewUser, userScoped } from '#backend/app/admin/model/user.model'
import type { ChangePassword, UpdateEmail } from '#backend/app/admin/schema/user.schema'
import * as passwordService from '#backend/app/admin/service/password.service'
import { unlessTaken } from '#backend/app/admin/service/user.service'
import { BadRequest, NotFound, TooManyRequests } from '#backend/common/errors'
import { everyRow } from '#backend/common/row-scope'
import { changing } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'

const EMAIL_CODE_TRIES_MAX = 5
/** How long tries are counted where the code does not say when it expires. */
const EMAIL_CODE_WINDOW_MS = 600_000

export async function get(ctx: Ctx): Promise<userCrud.Profile> {
  const row = await userCrud.findProfile(ctx.db, ctx.actor.user_id)
  if (row === undefined) throw new NotFound('user.not_found')
  return row
}

export async function updateNickname(ctx: Ctx, nickname: string): Promise<void> {
  await updateOwn(ctx, { nickname })
}

export async function updateAvatar(ctx: Ctx, avatar: string): Promise<void> {
  await updateOwn(ctx, { avatar })
}

/** Takes over an address that has been shown to be one's own by the code sent to it. */
export async function updateEmail(ctx: Ctx, { captcha, email }: UpdateEmail): Promise<void> {
  await useEmailCode(ctx, emailCodeKey(ctx.actor.user_id, email), captcha)
  await unlessTaken(() => updateOwn(ctx, { email }))
}

/** Where the code that was sent to an address waits for its user. */
export const emailCodeKey = (user_id: number, email: string) => `email-captcha:${user_id}:${email.toLowerCase()}`

/** Uses up a code that fits. Tries are counted before they are compared, so that guesses at once are limited too. */
async function useEmailCode(ctx: Ctx, key: string, given: string): Promise<void> {
  const code = await ctx.kv.get(key)
  if (code === null) throw new BadRequest('user.captcha_wrong')
  // Bound to the code: the tries of one do not count against the next.
  const triesKey = `email-captcha-tries:${createHash('sha256').update(`${key}:${code}`).digest('base64url')}`
  const ttl_ms = (await ctx.kv.ttl(key)) ?? EMAIL_CODE_WINDOW_MS
  const { count } = await ctx.counters.incr(triesKey, { ttl_ms: Math.max(ttl_ms, 1) })
  const fits = count <= EMAIL_CODE_TRIES_MAX && given === code
  if (!fits && count < EMAIL_CODE_TRIES_MAX) throw new BadRequest('user.captcha_wrong')
  const dropped = await ctx.kv.compareAndDelete(key, code)
  if (!fits || !dropped) throw new BadRequest('user.captcha_wrong')
}

export async function changePassword(ctx: Ctx, passwords: ChangePassword): Promise<void> {
  const { user_id } = ctx.actor
  if (passwords.new_password !== passwords.confirm_password) throw new BadRequest('user.password_mismatch')
  const stored = await userCrud.findPassword(ctx.db, user_id)
  await verifyOldPassword(ctx, passwords.old_password, stored)
  await passwordService.replace(ctx, { id: user_id }, passwords.new_password, async (_ctx, row) => {
    if (row.password !== stored) throw new BadRequest('user.password_old_wrong')
  })
}

/** Whoever finds an open session may not find out its user's password here. Attempts are counted before the comparison. */
async function verifyOldPassword(ctx: Ctx, plain: string, stored: string | null): Promise<void> {
  const { USER_LOCK_THRESHOLD, USER_LOCK_SECONDS } = ctx.config
  const key = `password-old:${ctx.actor.user_id}`
  if (USER_LOCK_THRESHOLD > 0) {
    const { count, ttl_ms } = await ctx.counters.incr(key, { ttl_ms: USER_LOCK_SECONDS * 1000 })
    if (count > USER_LOCK_THRESHOLD)
      throw new TooManyRequests('error.too_many_requests', {
        headers: { 'retry-after': String(Math.ceil(ttl_ms / 1000)) },
      })
  }
  if (!(await passwordService.verify(ctx, plain, stored))) throw new BadRequest('user.password_old_wrong')
  await ctx.counters.reset([key])
}

async function updateOwn(ctx: Ctx, fields: Pick<NewUser, 'avatar' | 'email'> & { nickname?: string }): Promise<void> {
  const { user_id } = ctx.actor
  await withTx(ctx, async (ctx) => {
    // One's own profile is one's own whatever the row permissions say.
    const row = await userCrud.lockById(ctx.db, everyRow(userScoped), user_id)
    if (row === undefined) throw new NotFound('user.not_found')
    await changing(ctx, [[tracked.users, [user_id]]], () =>
      userCrud.update(ctx.db, everyRow(userScoped), user_id, fields),
    )
    await ctx.actors.touch(ctx, [`user:${user_id}`])
  })
}
