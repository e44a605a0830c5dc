import { BadRequest } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import { settingsOf } from '#backend/core/settings'
import { uuidv7 } from '#backend/utils/random'

const WRONG_CAPTCHA_CODE = 40_001
/** A captcha admits this many attempts to sign in, right or wrong. */
const TRIES_MAX = 5

const textKey = (uuid: string) => `captcha:${uuid}`
const triesKey = (uuid: string) => `captcha-tries:${uuid}`
/** Present while some account is being guessed at, so that forms show the captcha that it demands. */
const DEMANDED_KEY = 'captcha-demanded'

export async function create(ctx: Ctx) {
  // The drawing library is large; a process that never shows a captcha does not load it.
  const { createCaptcha } = await import('#backend/utils/captcha')
  const { text, image } = createCaptcha()
  const uuid = uuidv7()
  const { LOGIN_CAPTCHA_ENABLED, LOGIN_CAPTCHA_EXPIRE_SECONDS: expire_seconds } = await settingsOf(ctx)
  await ctx.kv.set(textKey(uuid), text.toLowerCase(), { ttl_ms: expire_seconds * 1000 })
  const is_enabled = LOGIN_CAPTCHA_ENABLED || (await ctx.kv.get(DEMANDED_KEY)) !== null
  return { is_enabled, expire_seconds, uuid, image }
}

/** Makes sign-in forms show a captcha for a while although they are off. */
export async function demand(ctx: Ctx, ttl_ms: number): Promise<void> {
  await ctx.kv.set(DEMANDED_KEY, '1', { ttl_ms })
}

/** Throws unless the text is that of the captcha, which stays valid: only `consume` uses it up. */
export async function check(ctx: Ctx, uuid: string | null, text: string | null): Promise<void> {
  if (uuid === null || text === null) throw new BadRequest('auth.captcha_required')
  const { LOGIN_CAPTCHA_EXPIRE_SECONDS } = await settingsOf(ctx)
  // Counted before the text is compared, so that tries at once cannot exceed the limit.
  const tries = await ctx.kv.incr(triesKey(uuid), { ttl_ms: LOGIN_CAPTCHA_EXPIRE_SECONDS * 1000 })
  if (tries.count > TRIES_MAX) await ctx.kv.del([textKey(uuid)])
  const expected = await ctx.kv.get(textKey(uuid))
  if (expected === null || expected !== text.trim().toLowerCase()) throw wrong()
}

/** Uses the captcha of a successful sign-in up; of two at once one fails. */
export async function consume(ctx: Ctx, uuid: string): Promise<void> {
  if ((await ctx.kv.take(textKey(uuid))) === null) throw wrong()
}

const wrong = () => new BadRequest('auth.captcha_wrong', { code: WRONG_CAPTCHA_CODE })
