import { createHmac } from 'node:crypto'
import { desc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { asBearer, PASSWORD, refreshCookie, signInForm } from '#backend/app/admin/tests/sign-in.fixture'
import { ACCESS_TOKEN, REFRESH_TOKEN } from '#backend/core/tokens'
import { type Answer, createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const { account, login, refresh } = signInForm(() => t)

describe('refreshing', () => {
  test('rotates: the new pair works and the session stays', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const second = await refresh(refreshCookie(first).value)
    expect(second.status).toBe(200)
    expect(second.body.data).toEqual({
      access_token: expect.any(String),
      access_token_expire_time: expect.any(String),
      session_uuid: first.body.data.session_uuid,
    })
    expect((await t.anonymous.get('/auth/codes', asBearer(second.body.data.access_token))).status).toBe(200)
    expect((await refresh(refreshCookie(second).value)).status).toBe(200)
  })

  test('is in the operation log under the name of whose session it is', async () => {
    const { username } = await account()
    const { headers } = await refresh(refreshCookie(await login(username, PASSWORD)).value)
    await t.host.audit?.ship()
    const trace_id = String(headers['x-request-id'])
    const [row] = await t.db.select().from(operaLog).where(eq(operaLog.trace_id, trace_id))
    expect(row).toMatchObject({ username, status: 1 })
  })

  test('fifty at once with one token get one new pair, the very same', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshCookie(first).value)))
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(new Set(answers.map((answer) => refreshCookie(answer).value)).size).toBe(1)
    const next = await refresh(refreshCookie(answers[0] as Answer).value)
    expect(next.status).toBe(200)
  })

  test('the same answer is given for a bounded time only', async () => {
    const short = await createTestApp({ TOKEN_REFRESH_GRACE_SECONDS: '1' })
    const exchange = (value: string) =>
      short.anonymous.post('/auth/refresh', undefined, { headers: { cookie: `fba_refresh_token=${value}` } })
    try {
      const body = { username: 'admin', password: '123456' }
      const first = refreshCookie(await short.anonymous.post('/auth/login', body)).value
      const second = await exchange(first)
      expect((await exchange(first)).text).toBe(second.text)
      await new Promise((resolve) => setTimeout(resolve, 1200))
      expect((await exchange(first)).status).toBe(401)
      expect((await exchange(refreshCookie(second).value)).status).toBe(401)
    } finally {
      await short.close()
    }
  })

  test('using an old token again ends the whole session and is logged', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const between = await refresh(refreshCookie(first).value)
    const second = await refresh(refreshCookie(between).value)
    expect((await refresh(refreshCookie(first).value)).status).toBe(401)
    expect((await refresh(refreshCookie(second).value)).status).toBe(401)
    expect((await t.anonymous.get('/auth/codes', asBearer(second.body.data.access_token))).status).toBe(401)
    const [last] = await t.db
      .select()
      .from(loginLog)
      .where(eq(loginLog.username, username))
      .orderBy(desc(loginLog.id))
      .limit(1)
    expect(last).toMatchObject({ status: 0, msg: 'Refresh Token 被重复使用，会话已结束' })
  })

  test('a token of one kind is refused as the other', async () => {
    const { username } = await account()
    const signedIn = await login(username, PASSWORD)
    expect((await refresh(signedIn.body.data.access_token)).status).toBe(401)
    expect((await t.anonymous.get('/auth/codes', asBearer(refreshCookie(signedIn).value))).status).toBe(401)
  })

  test('without a cookie 400, with garbage 401', async () => {
    expect((await t.anonymous.post('/auth/refresh')).status).toBe(400)
    expect((await refresh('garbage')).status).toBe(401)
  })

  test('the session of a disabled user gives nothing more', async () => {
    const { id, username } = await account()
    const signedIn = await login(username, PASSWORD)
    await t.db.update(user).set({ status: 0 }).where(eq(user.id, id))
    t.host.actors.clear()
    expect((await refresh(refreshCookie(signedIn).value)).status).toBe(401)
  })
})

describe('tokens', () => {
  test('unsigned, foreign, other algorithm, other audience or expired: 401', async () => {
    const { id } = await account()
    const person = await t.signInUser(id)
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const [, payload = '', signature = ''] = person.token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const sign = (changed: object) => {
      const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(changed)}`
      return `${body}.${createHmac('sha256', t.host.token_secret).update(body).digest('base64url')}`
    }
    expect((await t.anonymous.get('/auth/codes', asBearer(sign(claims)))).status).toBe(200)
    const forged = [
      'garbage',
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      `${encode({ alg: 'HS512', typ: 'JWT' })}.${payload}.${signature}`,
      `${person.token.slice(0, -3)}abc`,
      sign({ ...claims, aud: 'fba:refresh' }),
      sign({ ...claims, iss: 'somebody' }),
      sign({ ...claims, typ: REFRESH_TOKEN }),
      sign({ ...claims, sub: '1' }),
      sign({ ...claims, exp: claims.iat - 60 }),
      sign({ ...claims, sid: 'no such session' }),
    ]
    for (const token of forged) expect((await t.anonymous.get('/auth/codes', asBearer(token))).status, token).toBe(401)
    expect((await person.get('/auth/codes')).status).toBe(200)
  })

  test('a session past its end is refused although its token is not', async () => {
    const { id } = await account()
    const person = await t.signInUser(id)
    await t.db
      .update(session)
      .set({ expire_time: new Date(Date.now() + 300) })
      .where(eq(session.session_uuid, person.session_uuid))
    t.host.actors.clear()
    expect((await person.get('/auth/codes')).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect((await person.get('/auth/codes')).status).toBe(401)
  })
})

describe('signing out', () => {
  test('ends the session at once', async () => {
    const { username } = await account()
    const signedIn = await login(username, PASSWORD)
    const token = signedIn.body.data.access_token
    const answer = await t.anonymous.post('/auth/logout', undefined, asBearer(token))
    expect(answer).toMatchObject({ status: 200, body: { code: 200, data: null } })
    expect((await t.anonymous.get('/auth/codes', asBearer(token))).status).toBe(401)
    expect((await refresh(refreshCookie(signedIn).value)).status).toBe(401)
  })

  test('is in the operation log under the name of whoever does it, also with an expired token', async () => {
    const person = await t.signIn()
    const claims = { user_id: person.user_id, session_uuid: person.session_uuid, jti: 'x' }
    const expired = t.app.tokens.sign(claims, ACCESS_TOKEN, { issued_at: 1_000_000_000, ttl: 60 })
    const { headers } = await t.anonymous.post('/auth/logout', undefined, asBearer(expired))
    await t.host.audit?.ship()
    const trace_id = String(headers['x-request-id'])
    const [row] = await t.db.select().from(operaLog).where(eq(operaLog.trace_id, trace_id))
    expect(row).toMatchObject({ username: person.username, status: 1 })
  })

  test('never answers 401: without a token, with garbage, or twice', async () => {
    expect((await t.anonymous.post('/auth/logout')).status).toBe(200)
    expect((await t.anonymous.post('/auth/logout', undefined, asBearer('garbage'))).status).toBe(200)
    const person = await t.signIn()
    expect((await person.post('/auth/logout')).status).toBe(200)
    expect((await person.post('/auth/logout')).status).toBe(200)
  })
})
