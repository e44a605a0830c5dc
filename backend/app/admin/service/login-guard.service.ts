import { createHash } from 'node:crypto'
import * as captchaService from '#backend/app/admin/service/captcha.service'
import type { Ctx } from '#backend/core/ctx'
import { settingsOf } from '#backend/core/settings'
import { networkOf } from '#backend/utils/client-address'

/** How long failures from all networks together are remembered. */
const GUESS_WINDOW_MS = 3_600_000

/** Names are free text and may be long: keys hold their hash. */
const accountOf = (username: string) => createHash('sha256').update(username).digest('base64url')

const attemptsKey = (ctx: Ctx, username: string) => `login-attempts:${accountOf(username)}:${networkOf(ctx.client.ip)}`
const lockKey = (ctx: Ctx, username: string) => `login-lock:${accountOf(username)}:${networkOf(ctx.client.ip)}`
const guessKey = (username: string) => `login-guesses:${accountOf(username)}`

/**
 * Counts an attempt and says whether the account is locked for this client's network. Counting comes before the
 * password is looked at, so attempts at once cannot exceed the threshold; a lock binds to the network, so a stranger
 * cannot lock the owner out.
 */
export async function isLocked(ctx: Ctx, username: string): Promise<boolean> {
  const { USER_LOCK_THRESHOLD, USER_LOCK_SECONDS } = await settingsOf(ctx)
  if (USER_LOCK_THRESHOLD === 0) return false
  if ((await ctx.counters.count(lockKey(ctx, username))) > 0) return true
  const { count } = await ctx.counters.incr(attemptsKey(ctx, username), { ttl_ms: USER_LOCK_SECONDS * 1000 })
  return count > USER_LOCK_THRESHOLD
}

/** Remembers a failure: the last one allowed starts the lock, many from anywhere make the account demand a captcha. */
export async function failed(ctx: Ctx, username: string): Promise<void> {
  const { USER_LOCK_THRESHOLD, USER_LOCK_SECONDS, USER_GUESS_THRESHOLD } = await settingsOf(ctx)
  const attempts = await ctx.counters.count(attemptsKey(ctx, username))
  if (USER_LOCK_THRESHOLD > 0 && attempts >= USER_LOCK_THRESHOLD) {
    await ctx.counters.incr(lockKey(ctx, username), { ttl_ms: USER_LOCK_SECONDS * 1000 })
    await ctx.counters.reset([attemptsKey(ctx, username)])
  }
  const guesses = await ctx.counters.incr(guessKey(username), { ttl_ms: GUESS_WINDOW_MS })
  if (guesses.count === USER_GUESS_THRESHOLD) await captchaService.demand(ctx, GUESS_WINDOW_MS)
}

/** Forgets the failures of this network; those of others still count as guesses. */
export async function succeeded(ctx: Ctx, username: string): Promise<void> {
  await ctx.counters.reset([attemptsKey(ctx, username)])
}

/** Whether the account is being guessed at from many networks, existing or not. */
export async function demandsCaptcha(ctx: Ctx, username: string): Promise<boolean> {
  const { USER_GUESS_THRESHOLD } = await settingsOf(ctx)
  return (await ctx.counters.count(guessKey(username))) >= USER_GUESS_THRESHOLD
}
