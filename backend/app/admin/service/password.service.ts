import * as tracked from '#backend/app/admin/crud/tracked.crud'
import * as userCrud from '#backend/app/admin/crud/user.crud'
import * as historyCrud from '#backend/app/admin/crud/user-password-history.crud'
import type { User } from '#backend/app/admin/model/user.model'
import * as sessionService from '#backend/app/admin/service/session.service'
import { BadRequest, NotFound, Unavailable } from '#backend/common/errors'
import { changing } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import { type Settings, settingsOf } from '#backend/core/settings'
import { HashQueueFull, hashPassword, PASSWORD_BYTES_MAX, verifyPassword } from '#backend/utils/password-hash'

/** Punctuation and symbols of any script. */
const SPECIAL_CHARACTER = /[\p{P}\p{S}]/u

/** Throws unless the policy allows the password; for an existing user also unless it differs from their last ones. */
export async function assertAcceptable(ctx: Ctx, plain: string, user?: { id: number }): Promise<void> {
  const settings = await settingsOf(ctx)
  const { USER_PASSWORD_MIN_LENGTH: min, USER_PASSWORD_MAX_LENGTH: max } = settings
  // In code points: an emoji of a surrogate pair is one character.
  const length = Array.from(plain).length
  if (length < min) throw new BadRequest('password.too_short', { params: { min } })
  if (length > max) throw new BadRequest('password.too_long', { params: { max } })
  if (Buffer.byteLength(plain) > PASSWORD_BYTES_MAX)
    throw new BadRequest('password.too_many_bytes', { params: { max: PASSWORD_BYTES_MAX } })
  if (settings.USER_PASSWORD_REQUIRE_SPECIAL_CHAR && !SPECIAL_CHARACTER.test(plain))
    throw new BadRequest('password.special_char')
  if (user !== undefined) await assertUnused(ctx, plain, user.id, settings)
}

/** The password in use is the first of the last ones. */
async function assertUnused(ctx: Ctx, plain: string, user_id: number, settings: Settings): Promise<void> {
  const { USER_PASSWORD_HISTORY_CHECK_COUNT: count } = settings
  if (count === 0) return
  const current = await userCrud.findPassword(ctx.db, user_id)
  const former = await historyCrud.listNewest(ctx.db, user_id, count - 1)
  for (const stored of current === null ? former : [current, ...former])
    if (await verify(ctx, plain, stored)) throw new BadRequest('password.reused', { params: { count } })
}

export async function hash(ctx: Ctx, plain: string): Promise<string> {
  return unlessFull(() => hashPassword(plain, { cost: ctx.config.PASSWORD_HASH_COST }))
}

/** Whether the password belongs to the hash; without one no, after the same work. */
export async function verify(ctx: Ctx, plain: string, stored: string | null): Promise<boolean> {
  return unlessFull(() => verifyPassword(plain, stored, { cost: ctx.config.PASSWORD_HASH_COST }))
}

async function unlessFull<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof HashQueueFull) throw new Unavailable('error.unavailable', { cause: error })
    throw error
  }
}

/**
 * Gives a user a new password and ends their sessions, but for the one that asks. Hashing takes long and is done
 * outside of the transaction; `guard` is shown the locked row, for what may have changed meanwhile.
 */
export async function replace(
  ctx: Ctx,
  user: { id: number },
  plain: string,
  guard: (ctx: Ctx, row: User) => Promise<void> = async () => {},
): Promise<void> {
  await assertAcceptable(ctx, plain, user)
  const password = await hash(ctx, plain)
  await withTx(ctx, async (ctx) => {
    const row = await userCrud.lockWithPassword(ctx.db, user.id)
    if (row === undefined) throw new NotFound('user.not_found')
    await guard(ctx, row)
    await changing(ctx, [[tracked.users, [row.id]]], async (ctx) => {
      await remember(ctx, row)
      await userCrud.setPassword(ctx.db, row.id, password)
    })
    const asking = ctx.actor.user_id === row.id ? ctx.actor.session_uuid : undefined
    await sessionService.endOfUser(ctx, row.id, 'password', asking)
    await ctx.actors.touch(ctx, [`user:${row.id}`])
  })
}

/** Moves the hash in use into the history, before another takes its place. */
async function remember(ctx: Ctx, { id, password }: User): Promise<void> {
  if (password !== null) await historyCrud.insert(ctx.db, id, password)
  const { USER_PASSWORD_HISTORY_CHECK_COUNT } = await settingsOf(ctx)
  await historyCrud.trim(ctx.db, id, Math.max(USER_PASSWORD_HISTORY_CHECK_COUNT - 1, 0))
}

/** Days until the password expires, begun ones included: 0 and less says that it has expired. Null: it never does. */
export async function daysRemaining(ctx: Ctx, user_id: number): Promise<number | null> {
  const { USER_PASSWORD_EXPIRY_DAYS } = await settingsOf(ctx)
  return USER_PASSWORD_EXPIRY_DAYS === 0 ? null : userCrud.findDaysRemaining(ctx.db, user_id, USER_PASSWORD_EXPIRY_DAYS)
}
