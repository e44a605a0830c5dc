import { asc, eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { user } from '#backend/app/admin/model/user.model'
import { userPasswordHistory } from '#backend/app/admin/model/user-password-history.model'
import * as passwordService from '#backend/app/admin/service/password.service'
import { findUser } from '#backend/app/admin/tests/user.fixture'
import { BadRequest, NotFound } from '#backend/common/errors'
import type { Config } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { createTestApp, type TestApp } from '#backend/tests/harness'
import { verifyPassword } from '#backend/utils/password-hash'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const ctxWith = (settings: Partial<Config> = {}): Ctx => {
  const ctx = systemCtx(t.host)
  return { ...ctx, config: { ...ctx.config, ...settings } }
}

/** The message key with which a password is refused; undefined when it is accepted. */
async function refusal(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof BadRequest) return error.key
    throw error
  }
}
const judge = (plain: string, settings?: Partial<Config>) =>
  refusal(passwordService.assertAcceptable(ctxWith(settings), plain))

async function account(): Promise<{ id: number }> {
  return { id: (await t.signIn()).user_id }
}

const historyOf = async (user_id: number) =>
  (
    await t.db
      .select()
      .from(userPasswordHistory)
      .where(eq(userPasswordHistory.user_id, user_id))
      .orderBy(asc(userPasswordHistory.id))
  ).map(({ password }) => password)

describe('what a password must be', () => {
  test('its length in characters lies between the limits, both included', async () => {
    const limits = { USER_PASSWORD_MIN_LENGTH: 4, USER_PASSWORD_MAX_LENGTH: 6 }
    expect(await judge('abc', limits)).toBe('password.too_short')
    expect(await judge('abcd', limits)).toBeUndefined()
    expect(await judge('abcdef', limits)).toBeUndefined()
    expect(await judge('abcdefg', limits)).toBe('password.too_long')
    expect(await judge('密码密码', limits)).toBeUndefined()
    expect(await judge('😀😀😀', limits)).toBe('password.too_short')
    expect(await judge('😀😀😀😀', limits)).toBeUndefined()
  })

  test('it has no more bytes than bcrypt reads, however few characters that is', async () => {
    const limits = { USER_PASSWORD_MAX_LENGTH: 72 }
    expect(await judge('a'.repeat(72), limits)).toBeUndefined()
    expect(await judge('密'.repeat(24), limits)).toBeUndefined()
    expect(await judge(`${'密'.repeat(24)}a`, limits)).toBe('password.too_many_bytes')
  })

  test('a special character is asked for where the settings say so; a letter, digit or blank is none', async () => {
    const demanding = { USER_PASSWORD_REQUIRE_SPECIAL_CHAR: true }
    expect(await judge('abc12345')).toBeUndefined()
    for (const plain of ['abc12345', '密码密码密码', 'abc 12345'])
      expect(await judge(plain, demanding)).toBe('password.special_char')
    for (const plain of ['abc12345!', 'abc_12345', 'abc+12345', '密码，密码密'])
      expect(await judge(plain, demanding)).toBeUndefined()
  })
})

describe('a new password', () => {
  test('takes the place of the old one, whose hash goes into the history first', async () => {
    const person = await account()
    await passwordService.replace(ctxWith(), person, 'First-1')
    const first = (await findUser(t.db, person.id))?.password
    expect(await historyOf(person.id)).toEqual([])
    await passwordService.replace(ctxWith(), person, 'Second-2')
    const row = await findUser(t.db, person.id)
    expect(await historyOf(person.id)).toEqual([first])
    expect(row?.password).toMatch(/^\$2b\$04\$/)
    expect(await verifyPassword('Second-2', row?.password)).toBe(true)
    expect(row?.last_password_changed_time).toMatch(/^\d{4}-\d\d-\d\d /)
  })

  test('is none of the last ones, the one in use included, and may be the one before those', async () => {
    const person = await account()
    const ctx = ctxWith({ USER_PASSWORD_HISTORY_CHECK_COUNT: 3 })
    for (const plain of ['Pass-1', 'Pass-2', 'Pass-3', 'Pass-4']) await passwordService.replace(ctx, person, plain)
    for (const plain of ['Pass-4', 'Pass-3', 'Pass-2'])
      expect(await refusal(passwordService.replace(ctx, person, plain))).toBe('password.reused')
    expect(await historyOf(person.id)).toHaveLength(2)
    expect(await refusal(passwordService.replace(ctx, person, 'Pass-1'))).toBeUndefined()
  })

  test('may be any with a history of none, and then no former hash is kept', async () => {
    const person = await account()
    const ctx = ctxWith({ USER_PASSWORD_HISTORY_CHECK_COUNT: 0 })
    for (const plain of ['Pass-1', 'Pass-2', 'Pass-2', 'Pass-1']) await passwordService.replace(ctx, person, plain)
    expect(await historyOf(person.id)).toEqual([])
  })

  test('with a history of one differs from the one in use alone', async () => {
    const person = await account()
    const ctx = ctxWith({ USER_PASSWORD_HISTORY_CHECK_COUNT: 1 })
    await passwordService.replace(ctx, person, 'Pass-1')
    expect(await refusal(passwordService.replace(ctx, person, 'Pass-1'))).toBe('password.reused')
    await passwordService.replace(ctx, person, 'Pass-2')
    expect(await refusal(passwordService.replace(ctx, person, 'Pass-1'))).toBeUndefined()
  })

  test("has nothing to do with anybody else's history", async () => {
    const [person, other] = [await account(), await account()]
    await passwordService.replace(ctxWith(), person, 'Shared-1')
    expect(await refusal(passwordService.replace(ctxWith(), other, 'Shared-1'))).toBeUndefined()
  })

  test('is refused whole when the guard or the policy refuses: hash, history and sessions stay', async () => {
    const person = await t.signIn()
    await passwordService.replace(ctxWith(), { id: person.user_id }, 'Before-1')
    const session = await t.signInUser(person.user_id)
    const before = await findUser(t.db, person.user_id)
    const refuse = () => {
      throw new BadRequest('user.password_old_wrong')
    }
    const own = { id: person.user_id }
    expect(await refusal(passwordService.replace(ctxWith(), own, 'After-1', refuse))).toBe('user.password_old_wrong')
    expect(await refusal(passwordService.replace(ctxWith(), own, 'x'))).toBe('password.too_short')
    expect(await findUser(t.db, person.user_id)).toEqual(before)
    expect(await historyOf(person.user_id)).toEqual([])
    expect((await session.get('/sys/users/me')).status).toBe(200)
  })

  test('of a user that is gone is refused', async () => {
    await expect(passwordService.replace(ctxWith(), { id: 999_999 }, 'Nobody-1')).rejects.toBeInstanceOf(NotFound)
  })
})

describe('the age of a password', () => {
  async function aged(fields: { changed?: string; joined?: string }): Promise<number> {
    const { id } = await account()
    const ago = (text: string) => sql`now() - ${text}::interval`
    await t.db
      .update(user)
      .set({
        ...(fields.changed === undefined ? {} : { last_password_changed_time: ago(fields.changed) }),
        ...(fields.joined === undefined ? {} : { join_time: ago(fields.joined) }),
      })
      .where(eq(user.id, id))
    return id
  }
  const remaining = (id: number, days = 30) =>
    passwordService.daysRemaining(ctxWith({ USER_PASSWORD_EXPIRY_DAYS: days }), id)

  test('is counted from its last change, a day that has begun counting whole', async () => {
    expect(await remaining(await aged({ changed: '1 hour' }))).toBe(30)
    expect(await remaining(await aged({ changed: '10 days 1 hour' }))).toBe(20)
    expect(await remaining(await aged({ changed: '29 days 23 hours' }))).toBe(1)
    expect(await remaining(await aged({ changed: '30 days 1 minute' }))).toBe(0)
    expect(await remaining(await aged({ changed: '33 days 1 minute' }))).toBe(-3)
  })

  test('is counted from the day of joining where it never was changed', async () => {
    expect(await remaining(await aged({ joined: '25 days 1 hour' }))).toBe(5)
    expect(await remaining(await aged({ joined: '900 days', changed: '1 hour' }))).toBe(30)
  })

  test('does not matter where passwords never expire', async () => {
    expect(await remaining(await aged({ changed: '9000 days' }), 0)).toBeNull()
  })

  test('starts anew with a change', async () => {
    const id = await aged({ changed: '31 days' })
    expect(await remaining(id)).toBeLessThanOrEqual(0)
    await passwordService.replace(ctxWith(), { id }, 'Fresh-again-1')
    expect(await remaining(id)).toBe(30)
  })
})

describe('signing in', () => {
  async function signIn(age: string) {
    const person = await t.signIn()
    await passwordService.replace(ctxWith(), { id: person.user_id }, 'Aging-1234')
    await t.db
      .update(user)
      .set({ last_password_changed_time: sql`now() - ${age}::interval` })
      .where(eq(user.id, person.user_id))
    return t.anonymous.post('/auth/login', { username: person.username, password: 'Aging-1234' })
  }

  test('reminds within the days before a password expires, and refuses after them', async () => {
    expect((await signIn('300 days')).body.data.password_expire_days_remaining).toBeNull()
    expect((await signIn('360 days')).body.data.password_expire_days_remaining).toBe(5)
    expect((await signIn('366 days')).body).toMatchObject({ code: 400, msg: '密码已过期，请联系管理员重置' })
  })
})
